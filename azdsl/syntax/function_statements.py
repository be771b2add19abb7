"""The statements of the three functions, and what each reads and writes."""

from __future__ import annotations

from dataclasses import dataclass

from azdsl.syntax.error_list import Line
from azdsl.syntax.name_resolution import register
from azdsl.syntax.tree import Assign, Bare, Declare, Entry, Expression, Name


@dataclass(frozen=True, slots=True)
class FunctionStatement:
    """A statement of function number ``function`` (-1: of an unknown function)."""

    function: int
    line: Line
    statement: Assign | Declare | Bare

    @property
    def value(self) -> Expression | None:
        """The expression that the statement evaluates and assigns; None without one."""
        return self.statement.value if isinstance(self.statement, Assign | Declare) else None

    @property
    def variable(self) -> str | None:
        """The name of the variable that the statement writes; None if it writes a register or nothing."""
        match self.statement:
            case (
                Assign(target=Name(text=text))
                | Assign(target=Entry(base=Name(text=text)))
                | Declare(name=Name(text=text))
            ):
                return None if register(text) else text
        return None
