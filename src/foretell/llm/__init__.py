"""Asking a language model: prompts, back ends, replies as numbers, and a ledger of every call."""

from foretell.llm.asking import Answer, Asker
from foretell.llm.budget import Budget, Estimate
from foretell.llm.digits import DigitTree, Moments
from foretell.llm.estimating import Estimated, Estimator, How
from foretell.llm.fetch import fetch_encoder, fetch_model
from foretell.llm.fields import Field, candidate_fields, choose_fields, describe
from foretell.llm.ledger import Ledger, Totals, call_key
from foretell.llm.model import Decoding, LanguageModel, LanguageModelError, Reply, Request, Step, Usage
from foretell.llm.models import ENCODERS, MODELS, Model
from foretell.llm.prices import PRICES, PRICES_DATE, Price, price_of, read_prices
from foretell.llm.prompt import ABLATION, FULL, Parts, Prompt, TaskCard, compact_prompt, paper_prompt, parts_named
from foretell.llm.proposing import Proposals, ProposalWarning, Proposer
from foretell.llm.replies import Parsed, parse_number, parse_numbers
from foretell.llm.session import DEFAULT_LLM, Session, default_ledger, open_model, open_session, spelling_of
from foretell.llm.tasks import draw_examples, hide_names, read_examples, task_title

__all__ = [
    "ABLATION",
    "DEFAULT_LLM",
    "ENCODERS",
    "FULL",
    "MODELS",
    "PRICES",
    "PRICES_DATE",
    "Answer",
    "Asker",
    "Budget",
    "Decoding",
    "DigitTree",
    "Estimate",
    "Estimated",
    "Estimator",
    "Field",
    "How",
    "LanguageModel",
    "LanguageModelError",
    "Ledger",
    "Model",
    "Moments",
    "Parsed",
    "Parts",
    "Price",
    "Prompt",
    "ProposalWarning",
    "Proposals",
    "Proposer",
    "Reply",
    "Request",
    "Session",
    "Step",
    "TaskCard",
    "Totals",
    "Usage",
    "call_key",
    "candidate_fields",
    "choose_fields",
    "compact_prompt",
    "default_ledger",
    "describe",
    "draw_examples",
    "fetch_encoder",
    "fetch_model",
    "hide_names",
    "open_model",
    "open_session",
    "paper_prompt",
    "parse_number",
    "parse_numbers",
    "parts_named",
    "price_of",
    "read_examples",
    "read_prices",
    "spelling_of",
    "task_title",
]
