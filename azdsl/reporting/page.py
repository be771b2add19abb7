"""The HTML page of a run, a self-contained file, and a shorter fragment for notebooks."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources

from azdsl.export.readable.explain import Explanation
from azdsl.export.readable.graph import graph_svg
from azdsl.export.readable.statements import TooManyRegisters
from azdsl.ir import Program
from azdsl.reporting import charts, reproduce
from azdsl.reporting.code import highlighted, plain, shortened, text_of
from azdsl.reporting.data import Run, main_milestones
from azdsl.reporting.predictions import Predictions, correct
from azdsl.search.islands.ending import LABEL
from azdsl.search.islands.plan import own_tasks
from azdsl.search.result import describe_sample
from azdsl.taskset import units_text

WIDE, NARROW = 620.0, 340.0
"""The widths of charts in pixels, for desktop screens and for phones."""

MOST_MILESTONES = 9
LATE = 0.9
"""The first milestone's fitness above which the chart of the remaining error is shown first."""

MINUTE = 60


@dataclass(frozen=True)
class Details:
    """The measurements of a page: the effect of each line, and the program pruned and with rounded constants.

    ``explanation`` is measured on ``tasks`` tasks with ``seeds`` random seeds; if it is None, ``why_not`` is the reason.
    ``pruned`` describes the instructions that ``rounded`` lacks. ``predictions`` are those of the program on test tasks.
    ``playground`` is the HTML of the playground or why there is none.
    """

    explanation: Explanation | None = None
    rounded: Program | None = None
    tasks: int = 0
    seeds: int = 0
    why_not: str = ""
    pruned: str = ""
    playground: str = ""
    predictions: Predictions | None = None


def page(run: Run, details: Details) -> str:
    """The page as HTML."""
    title = f"{run.name} · azdsl"
    sections = {
        "Progress": _progress(run),
        "Lineage of the best": _lineage(run),
        "The program": _program(run, details),
        "Playground": details.playground,
        "Data flow": _graph(run, details),
        "Hall of fame": _front(run),
        "Test tasks": _tasks(run),
        "Predictions": _predictions(run, details),
        "How candidates were settled": _layers(run),
        "Settings": _settings(run),
        "Reproduce": reproduce.section(run),
    }
    kept = {head: body for head, body in sections.items() if body}
    links = "".join(f'<a href="#{_anchor(head)}">{escape(head)}</a>' for head in kept)
    body = "".join(
        f'<section id="{_anchor(head)}"><h2>{escape(head)}</h2>{text}</section>' for head, text in kept.items()
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{_asset('style.css')}</style></head>\n"
        f'<body><div class="azdsl"><header><h1>{escape(run.name)}</h1><p class="sub">{escape(_subtitle(run))}</p>{_figures(run)}'
        f"{_ending(run)}</header>"
        f"<nav>{links}</nav><main>{body}</main><footer>Made by azdsl {escape(run.version)}.</footer></div>"
        f"<script>{_asset('script.js')}</script></body></html>\n"
    )


def fragment(run: Run) -> str:
    """Figures, program and progress chart for a notebook, without scripts."""
    text = shortened(text_of(run.best, run.metric_definition))
    numbered = main_milestones(run.milestones, MOST_MILESTONES)
    chart = charts.progress(run, WIDE, numbered)
    return (
        f'<style>{_asset("style.css")}</style><div class="azdsl piece">{_figures(run)}{highlighted(text)}{chart}</div>'
    )


def _asset(name: str) -> str:
    return (resources.files("azdsl.reporting") / name).read_text("utf-8")


def _anchor(head: str) -> str:
    return head.lower().replace(" ", "-")


def _subtitle(run: Run) -> str:
    search = run.experiment.search
    task = run.experiment.task
    kind = f"{task.kind.replace('_', '-')} task" if task else "tasks given from Python"
    own = "".join(f" · islands {islands}: {tasks}" for islands, tasks in own_tasks(run.experiment).items())
    programs = f"{search.islands} × {search.population:,} programs"
    return f"{kind}{own} · {programs} · seed {search.seed} · {run.stopped or 'not finished'}"


def _figures(run: Run) -> str:
    """The most important figures."""
    ending = run.ending
    units = units_text(ending.metric, ending.best.units) if ending and ending.best.units is not None else ""
    name, _, value = units.partition(" ")
    shown = {
        **({f"test {name}": value} if units else {}),
        "test fitness": _number(run.test_fitness),
        "selection fitness": _number(run.fitness),
        "search fitness": _number(run.search_fitness),
        "live instructions": str(len(run.best)),
        "candidates": f"{run.evaluations:,}",
        "time": _duration(run.seconds),
        "rate": f"{run.evaluations / run.seconds:,.0f}/s" if run.seconds else "–",
    }
    return '<dl class="figures">' + "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in shown.items()) + "</dl>"


def _ending(run: Run) -> str:
    """Return the comparison of the answer with the seed program; empty until the run has ended."""
    ending = run.ending
    if ending is None:
        return ""
    heads = (
        f"on the {ending.split} tasks",
        "fitness",
        "accuracy" if run.metric_definition.classifies else "RMSE",
        "instructions",
    )
    rows = []
    for name, score, program in ending.scores():
        units = "–" if score.units is None else units_text(ending.metric, score.units).partition(" ")[2]
        failed = f" ({score.failures} failed)" if score.failures else ""
        rows.append((name, f"{score.fitness:.6f}{failed}", units, str(score.size) if program else ""))
    notes = "".join(f"<p>{escape(f'{line[:LABEL].strip()}: {line[LABEL:]}')}</p>" for line in ending.notes())
    verdict = ending.verdict[0].upper() + ending.verdict[1:]
    return f'<div class="ending"><p class="verdict">{escape(verdict)}.</p>{_table(heads, rows)}<div class="note">{notes}</div></div>'


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, MINUTE)
    return f"{int(minutes):,} min {int(rest)} s" if minutes else f"{rest:.1f} s"


def _both(draw: Callable[[float], str]) -> str:
    """A chart in both widths, of which the style shows one."""
    wide = draw(WIDE)
    return f'<div class="wide">{wide}</div><div class="narrow">{draw(NARROW)}</div>' if wide else ""


def _progress(run: Run) -> str:
    """The progress chart, with the programs of its milestones beside it."""
    numbered = main_milestones(run.milestones, MOST_MILESTONES)
    plain_chart = _both(lambda width: charts.progress(run, width, numbered))
    if not plain_chart or not (run.history or run.milestones):
        return "<p>The search stopped before its first exchange, so there is no curve.</p>"
    error = _both(lambda width: charts.progress(run, width, numbered, error=True))
    late = bool(run.milestones) and run.milestones[0].fitness > LATE
    first, second = ("", " checked") if late else (" checked", "")
    toggle = (
        f'<input type="radio" name="scale" id="as-fitness"{first}><label for="as-fitness">fitness</label>'
        f'<input type="radio" name="scale" id="as-error"{second}><label for="as-error">remaining error (log)</label>'
    )
    key = (
        '<p class="key"><span class="swatch best"></span>best in the search <span class="swatch mean"></span>mean of the population '
        '<span class="dotted selected"></span>best on the selection tasks</p>'
    )
    curve = f'<div class="curve">{toggle}<div class="fitness">{plain_chart}</div><div class="error">{error}</div>{key}</div>'
    return f'<div class="progress">{curve}{_cards(run, numbered)}</div>'


def _cards(run: Run, numbered: Sequence[int]) -> str:
    """The programs of the numbered milestones."""
    cards, before = [], None
    for number, n in enumerate(numbered):
        milestone = run.milestones[n]
        text = shortened(text_of(milestone.program, run.metric_definition))
        head = f"<b>{number + 1}</b> fitness {milestone.fitness:.6f} <small>after about {milestone.evaluations:,} candidates</small>"
        cards.append(f'<article class="card" data-step="{number}"><h3>{head}</h3>{highlighted(text, before)}</article>')
        before = text
    buttons = '<div class="turn"><button data-turn="-1">‹ previous</button><button data-turn="1">next ›</button></div>'
    note = '<p class="note">Lines that the previous milestone does not have are marked. Numbers are rounded to four digits.</p>'
    return f'<div class="cards">{buttons}{"".join(cards)}{note}</div>'


def _lineage(run: Run) -> str:
    """All milestones as a table."""
    if not run.milestones:
        return ""
    rows = (
        (
            f"{m.evaluations:,}",
            str(m.island),
            f"{m.candidate:,}",
            str(len(m.program)),
            f"{m.fitness:.6f}",
            f"+{m.gain:.6f}",
        )
        for m in run.milestones
    )
    table = _table(("candidates so far", "island", "its candidate", "live instructions", "fitness", "gain"), rows)
    first, last = run.milestones[0], run.milestones[-1]
    words = (
        f"{len(run.milestones)} milestones, from fitness {first.fitness:.4f} with {len(first.program)} live instructions "
        f"to {last.fitness:.6f} with {len(last.program)}."
    )
    return f"<p>{words}</p><details><summary>All milestones</summary>{table}</details>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its texts are escaped."""
    head = "".join(f"<th>{escape(h)}</th>" for h in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _program(run: Run, details: Details) -> str:
    """The final program in the named style, and the effect of each line."""
    program = details.rounded or run.best
    text = highlighted(
        text_of(program, run.metric_definition)
        if details.rounded
        else shortened(text_of(program, run.metric_definition))
    )
    exact = f"<details><summary>As evolved, with all digits</summary>{highlighted(str(run.best))}</details>"
    pruned = f"<p>{escape(details.pruned)}; the program as evolved is below.</p>" if details.pruned else ""
    return pruned + text + exact + _explanation(details)


def _explanation(details: Details) -> str:
    found = details.explanation
    if found is None:
        return f"<p>{escape(details.why_not)}</p>" if details.why_not else ""
    most = max((abs(line.cost) for line in found.lines), default=0.0) or 1.0
    rows, function = [], ""
    for line in found.lines:
        if line.function != function:
            function = line.function
            rows.append(f'<tr class="function"><th colspan="2">{function}</th><th>without it</th></tr>')
        share = 100.0 * min(max(line.cost, 0.0) / most, 1.0)
        unsure = "" if line.error is None else f" <small>± {line.error:.4f}</small>"
        worth = f'<span class="worth"><i style="width:{share:.1f}%"></i></span>{_change(-line.cost)}{unsure}'
        code = f"<code>{escape(shortened(line.text))}</code>"
        rows.append(f'<tr><td>{code}</td><td class="words">{escape(line.words)}</td><td class="cost">{worth}</td></tr>')
    measured = f"{details.tasks} fresh tasks, {details.seeds} random seeds"
    words = f"The meaning of each line, and the change of the fitness of {found.fitness:.6f} without it ({measured})."
    return (
        f'<h3>Line by line</h3><p>{words}</p><div class="scroll"><table class="explain">{"".join(rows)}</table></div>'
    )


def _change(value: float) -> str:
    """A difference with its sign, without a sign if it is 0."""
    text = f"{value:+.4f}"
    return text if float(text) else "0.0000"


def _graph(run: Run, details: Details) -> str:
    """The data flow as an image, which keeps the page's style out."""
    try:
        svg = graph_svg(details.rounded or run.best, run.metric_definition)
    except TooManyRegisters as error:
        return f"<p>{escape(str(error))}</p>"
    data = base64.b64encode(svg.encode()).decode()
    return f'<div class="scroll"><img class="graph" alt="Data flow of Setup, Predict and Learn" src="data:image/svg+xml;base64,{data}"></div>'


def _front(run: Run) -> str:
    """The chart, table and programs of the hall of fame."""
    if not run.front:
        return ""
    rows = [
        (
            str(m.size),
            f"{m.fitness:.6f}",
            str(m.island),
            f"{m.candidate:,}",
            *([m.file.rpartition("/")[2]] if m.file else []),
        )
        for m in run.front
    ]
    heads = ("live instructions", "fitness", "island", "candidate", *(["file"] if run.front[0].file else []))
    table = _table(heads, rows)
    programs = "".join(
        f"<details><summary>{m.size} live instruction{'s' if m.size != 1 else ''}: {m.fitness:.6f}</summary>"
        f"{highlighted(shortened(text_of(m.program, run.metric_definition)))}</details>"
        for m in run.front
    )
    intro = "<p>The best program of each size on the search tasks, if no smaller one is as good.</p>"
    return f'{intro}<div class="pair"><div>{_both(lambda w: charts.front(run, w))}</div>{table}</div><h3>Their programs</h3>{programs}'


def _tasks(run: Run) -> str:
    """The fitness of the final program on each test task."""
    fitness = run.task_fitness
    if not fitness:
        return ""
    mean = sum(fitness) / len(fitness)
    words = f"{len(fitness)} tasks that the search never saw: mean {mean:.6f}, lowest {min(fitness):.6f}, highest {max(fitness):.6f}."
    table = _table(("task", "fitness"), ((str(n), f"{f:.6f}") for n, f in enumerate(fitness)))
    return f"<p>{words}</p>{_both(lambda w: charts.tasks(fitness, w))}<details><summary>All tasks</summary>{table}</details>"


def _predictions(run: Run, details: Details) -> str:
    """Predicted against actual values, or the confusion matrix."""
    found = details.predictions
    if found is None or not found.actual.size:
        return ""
    of = f"the first of {len(run.task_fitness)} test tasks" if found.tasks == 1 else f"{found.tasks} test tasks"
    count = f"{found.actual.size:,} validation examples of {of}"
    failed = f" Training stopped on {found.failed} of them, which are left out." if found.failed else ""
    if found.classes:
        right = correct(found)
        words = f"{count}: {right:,} are right ({100 * right / found.actual.size:.2f} %). Rows are the true classes."
        chart = _both(lambda width: charts.confusion(found, width))
    else:
        words = f"{count}. On the line a prediction equals the actual value."
        chart = _both(lambda width: charts.scatter(found, width))
    return f"<p>{words}{failed}</p>{chart}"


def _layers(run: Run) -> str:
    """The totals of the layers as a bar and a table, and their shares by epoch."""
    total = sum(run.layers.values())
    if not total:
        return ""
    used = [name for name in charts.LAYERS if run.layers.get(name)]
    bar = "".join(
        f'<i class="back-{n}" style="width:{100 * run.layers[n] / total:.2f}%" title="{charts.LAYERS[n]}"></i>'
        for n in used
    )
    rows = "".join(
        f'<tr><td><span class="swatch back-{n}"></span>{charts.LAYERS[n]}</td><td>{run.layers[n]:,}</td>'
        f"<td>{100 * run.layers[n] / total:.1f} %</td></tr>"
        for n in used
    )
    chart = _both(lambda width: charts.layers(run, width))
    sample = f"<p>Same early errors: {describe_sample(run.fec_sample)}.</p>" if run.fec_sample else ""
    table = f'<div class="scroll"><table>{rows}</table></div>'
    return f'<div class="stack">{bar}</div><div class="pair"><div>{chart}</div>{table}</div>{sample}'


def _settings(run: Run) -> str:
    """All settings, by table of ``config.toml``."""
    parts = []
    for name, table in run.settings.items():
        plain_rows = [(key, _value(value)) for key, value in table.items() if not isinstance(value, dict)]
        nested = [
            (f"{key}.{inner}", _value(v))
            for key, value in table.items()
            if isinstance(value, dict)
            for inner, v in value.items()
        ]
        if plain_rows or nested:
            parts.append(f"<div><h3>{escape(name)}</h3>{_table(('key', 'value'), [*plain_rows, *nested])}</div>")
    seed = f"<details><summary>The seed file</summary>{plain(run.seed_text)}</details>"
    return f'<details class="all"><summary>All settings</summary><div class="settings">{"".join(parts)}</div></details>{seed}'


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
