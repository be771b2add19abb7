"""Let a language model propose programs: a command for ``azdsl evolve --proposals``. Standard library only.

    export PROPOSE_URL=http://127.0.0.1:8000/v1 PROPOSE_MODEL=name   # any server with OpenAI's /chat/completions
    export PROPOSE_KEY=…                                             # if the server wants one
    azdsl evolve examples/linear.az --epoch 500_000 --proposals "python examples/propose/language_model.py"

It reads one line of JSON per program of the hall of fame, asks the model for changed programs, and prints those in the blocks of
its answer, separated by lines ``---``. Only every tenth epoch is asked for (PROPOSE_EVERY): the search goes on in between.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from typing import Any

BLOCK = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)
"""A block of code in the answer of a model."""

MOST = 5
"""Programs of the hall of fame that the model sees, the best ones."""

SECONDS = 300
"""The longest wait for the server."""

PROMPT = """These programs learn a task. Setup runs once, Predict gives s1 for the features v0, Learn runs after each training example, whose
label is s0. Variables s0, s1, … are scalars, v0, v1, … vectors, m0, m1, … matrices; each statement is one operation on them.

{programs}

Propose {count} different programs that could be better: fewer or other operations, another learning rate, a new idea. Use only operations
that appear above. Answer with one block of code (```) for each, the three functions complete, without comments.
"""


def prompt(entries: list[dict[str, Any]], count: int) -> str:
    """What the model is asked, given the hall of fame by rising size."""
    shown = (f"fitness {entry['fitness']:.6f}\n```\n{entry['program']}```" for entry in entries[-MOST:])
    return PROMPT.format(programs="\n\n".join(shown), count=count)


def answer(text: str) -> str:
    """The answer of the server to a prompt. Raises ``OSError``, ``LookupError`` and ``ValueError``."""
    body = {"model": os.environ["PROPOSE_MODEL"], "messages": [{"role": "user", "content": text}]}
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("PROPOSE_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    url = os.environ["PROPOSE_URL"].rstrip("/") + "/chat/completions"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        return str(json.load(response)["choices"][0]["message"]["content"])


def main() -> None:
    """Read the hall of fame, and print the programs that the model proposes."""
    entries = [json.loads(line) for line in sys.stdin]
    if not entries or entries[0]["epoch"] % int(os.environ.get("PROPOSE_EVERY", "10")):
        return
    try:
        found = BLOCK.findall(answer(prompt(entries, int(os.environ.get("PROPOSE_COUNT", "5")))))
    except (OSError, LookupError, ValueError) as error:
        sys.exit(f"no answer from the model: {type(error).__name__}: {error}")
    print("\n---\n".join(found))


if __name__ == "__main__":
    main()
