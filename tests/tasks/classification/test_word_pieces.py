"""An encoder's pieces, as many as texts need."""

import json

import pytest

from foretell.errors import InputError, IntegrityError
from foretell.tasks.classification import TextReader
from foretell.tasks.classification.word_pieces import WordPieces
from foretell.tasks.language_model.pretrained import tokenizer_of_folder
from foretell.tasks.vocabulary import EOS, UNK
from tests.checkpoints import tokenizer_json, write_word_pieces

pytestmark = pytest.mark.network
pytest.importorskip("tokenizers", reason="needs the extra hf")

TEXTS = ["apple pie", "Hammer time", "lynx, otter!", "été ü"]


@pytest.fixture
def original(tmp_path):
    write_word_pieces(tmp_path / "encoder", ["apple", "hammer", "lynx", "otter", "pie time", "plum cake ,!"])
    return tokenizer_of_folder(tmp_path / "encoder", {})


def test_texts_are_cut_as_before(original):
    pieces, rows = WordPieces.of(original, TEXTS)
    assert pieces.size == len(rows) < original.size
    assert [[rows[each] for each in ids] for ids in pieces.encode(TEXTS)] == original.encode(TEXTS)
    assert pieces.decode(pieces.encode(TEXTS[:1])) == ["apple pie"]
    spelt, unread = pieces.encode(["peal", "qq"])  # other texts are spelt in what there is
    assert UNK not in spelt
    assert set(unread) == {UNK}


def test_a_reader_ends_every_text_and_is_kept(original, tmp_path):
    pieces, _ = WordPieces.of(original, TEXTS)
    reader = TextReader(pieces, ("a", "b"), 6, lowercase=False)
    reader.save(tmp_path)
    again = TextReader.load(tmp_path)
    assert again.vocabulary.fingerprint == pieces.fingerprint
    texts = ["pie", "pie time hammer lynx otter apple"]
    for each in (reader, again):
        found = each.encode(texts)
        assert [len(found[row]) + 1 for row in range(2)] == [len(pieces.encode(["pie"])[0]) + 2, 6]
        assert all(found[row][-1] == pieces.closing[0] for row in range(2))
    cut = json.loads(pieces.cut_to(6).files["tokenizer.json"])
    assert cut["truncation"]["max_length"] == 6
    assert cut["model"]["vocab"]["[CLS]"] == EOS


def test_what_is_no_word_piece_tokenizer_is_refused(original, tmp_path):
    original.described = tokenizer_json("gpt-2")
    with pytest.raises(InputError, match="reads WordPiece of encoders"):
        WordPieces.of(original, TEXTS)
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer_json("gpt-2")))
    with pytest.raises(IntegrityError, match="not where foretell puts them"):
        WordPieces.load(tmp_path / "tokenizer.json")
