"""The server: requests of the language server protocol, answered by the functions of this package (needs pygls, extra ``lsp``)."""

from __future__ import annotations

import logging
import os
import sys

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from azdsl import __version__
from azdsl.diagnostics import Diagnostic, SyntaxError
from azdsl.limits import MAX_FILE_BYTES
from azdsl.lsp.completion import Sort, completions
from azdsl.lsp.diagnostics import diagnostics
from azdsl.lsp.hover import hover
from azdsl.lsp.positions import Positions
from azdsl.lsp.rename import RenameError, rename, renamed_at
from azdsl.lsp.symbols import Symbol, symbols
from azdsl.syntax import format_source

NAME = "azdsl"

_KINDS = {
    Sort.STATEMENT: types.CompletionItemKind.Keyword,
    Sort.FUNCTION: types.CompletionItemKind.Function,
    Sort.KEY: types.CompletionItemKind.Property,
    Sort.VALUE: types.CompletionItemKind.EnumMember,
    Sort.VARIABLE: types.CompletionItemKind.Variable,
    Sort.GIVEN: types.CompletionItemKind.Constant,
    Sort.TYPE: types.CompletionItemKind.Class,
}

Document = types.TextDocumentIdentifier | types.VersionedTextDocumentIdentifier | types.TextDocumentItem


def serve() -> None:
    """Answer an editor on standard input and output until it closes them."""
    # A name that is refused is an answer to the user, which the editor shows: no error of the server.
    logging.getLogger("pygls").addHandler(handler := logging.StreamHandler())
    handler.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], JsonRpcException)))
    # pygls closes its streams at the end: it gets copies.
    with (
        os.fdopen(os.dup(sys.stdin.fileno()), "rb") as requests,
        os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers,
    ):
        make_server().start_io(requests, answers)


def make_server() -> LanguageServer:
    """The server with all of its features. Editors send complete texts: the files are small."""
    server = LanguageServer(NAME, __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
    _synchronize(server)
    _explain(server)
    _edit(server)
    return server


def _synchronize(server: LanguageServer) -> None:
    """Register the notifications about texts; the answers are their errors."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def checked(params: types.DidOpenTextDocumentParams | types.DidChangeTextDocumentParams) -> None:
        document = params.text_document
        at = _positions(server, document)
        listed = [_diagnostic(one, at) for one in diagnostics(at.text)]
        version = server.workspace.get_text_document(document.uri).version
        server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(document.uri, listed, version))

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(params.text_document.uri, []))


def _explain(server: LanguageServer) -> None:
    """Register hover, completion and symbols."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(params: types.HoverParams) -> types.Hover | None:
        at = _positions(server, params.text_document)
        found = None if _too_large(at) else hover(at.text, _offset(at, params.position))
        if found is None:
            return None
        text, start, end = found
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text), _range(at, start, end))

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=["(", "=", "@", ":"]))
    def completed(params: types.CompletionParams) -> list[types.CompletionItem]:
        at = _positions(server, params.text_document)
        found = () if _too_large(at) else completions(at.text, _offset(at, params.position))
        return [
            types.CompletionItem(
                one.word,
                kind=_KINDS[one.sort],
                detail=one.remark,
                documentation=types.MarkupContent(types.MarkupKind.Markdown, one.documentation),
                insert_text=one.inserted or one.word,
            )
            for one in found
        ]

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outlined(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        at = _positions(server, params.text_document)
        return [] if _too_large(at) else [_symbol(one, at, types.SymbolKind.Function) for one in symbols(at.text)]


def _edit(server: LanguageServer) -> None:
    """Register format and rename."""

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    def formatted(params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
        at = _positions(server, params.text_document)
        try:
            after = format_source(at.text)
        except SyntaxError:
            return None
        return [] if after == at.text else [types.TextEdit(_range(at, 0, len(at.text)), after)]

    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepared(params: types.PrepareRenameParams) -> types.Range:
        at = _positions(server, params.text_document)
        try:
            found = renamed_at(at.text, _offset(at, params.position))
        except RenameError as error:
            raise _refused(error) from None
        return _range(at, found.start, found.end)

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    def renamed(params: types.RenameParams) -> types.WorkspaceEdit:
        at = _positions(server, params.text_document)
        try:
            found = rename(at.text, _offset(at, params.position), params.new_name)
        except RenameError as error:
            raise _refused(error) from None
        edits = [types.TextEdit(_range(at, one.start, one.end), params.new_name) for one in found]
        return types.WorkspaceEdit({params.text_document.uri: edits})


def _positions(server: LanguageServer, document: Document) -> Positions:
    encoding = server.workspace.position_encoding or types.PositionEncodingKind.Utf16
    return Positions(
        server.workspace.get_text_document(document.uri).source, types.PositionEncodingKind(encoding).value
    )


def _too_large(at: Positions) -> bool:
    """Whether the text is larger than a file may be: its only diagnostic says so."""
    return len(at.text) > MAX_FILE_BYTES


def _offset(at: Positions, position: types.Position) -> int:
    return at.offset(position.line, position.character)


def _range(at: Positions, start: int, end: int) -> types.Range:
    return types.Range(types.Position(*at.position(start)), types.Position(*at.position(end)))


def _diagnostic(found: Diagnostic, at: Positions) -> types.Diagnostic:
    message = "\n".join([found.text, *(f"note: {note}" for note in found.notes)])
    place = _range(at, found.span.start, found.span.end) if found.span else _range(at, 0, 0)
    return types.Diagnostic(place, message, types.DiagnosticSeverity.Error, found.code, source=NAME)


def _symbol(one: Symbol, at: Positions, kind: types.SymbolKind) -> types.DocumentSymbol:
    parts = [_symbol(part, at, types.SymbolKind.Variable) for part in one.parts]
    return types.DocumentSymbol(
        one.name, kind, _range(at, one.start, one.end), _range(at, *one.selected), one.remark, children=parts
    )


def _refused(error: RenameError) -> JsonRpcException:
    return JsonRpcException(str(error), types.LSPErrorCodes.RequestFailed)
