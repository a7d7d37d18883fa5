"""Reads the part of YAML that the scenarios are written in, so that the harness needs nothing but Python.

Block mappings and sequences by indentation, flow collections on one line, quoted and plain scalars, comments, `---`.
Anything else (anchors, block scalars, tabs, flow over several lines) is refused: a scenario must mean the same to every reader.
"""
import re


class YamlError(ValueError):
    pass


def load_all(text):
    """The documents of a stream, empty ones left out."""
    documents = []
    for part in re.split(r"(?m)^---[ \t]*(?:#.*)?$", text):
        lines = [line for line in map(_strip, part.split("\n")) if line.strip()]
        if lines:
            reader = _Block(lines)
            documents.append(reader.node(0))
            if reader.at < len(lines):
                raise YamlError(f"unexpected indentation: {lines[reader.at]!r}")
    return documents


def load(text):
    documents = load_all(text)
    if len(documents) != 1:
        raise YamlError(f"one document expected, {len(documents)} found")
    return documents[0]


def _strip(line):
    """The line without its comment; a `#` begins one at the start or after a blank, outside quotes."""
    if "\t" in line:
        raise YamlError(f"a tab: {line!r}")
    quote = None
    for i, c in enumerate(line):
        if quote:
            quote = None if c == quote else quote
        elif c in "\"'" and (i == 0 or line[i - 1] in " [{,:"):
            quote = c
        elif c == "#" and (i == 0 or line[i - 1] == " "):
            return line[:i].rstrip()
    return line.rstrip()


def _indent(line):
    return len(line) - len(line.lstrip(" "))


def _key_end(text):
    """Where the `:` of a block mapping's key is, or None if the text is not an entry of one."""
    if text[:1] in "\"'":
        end = text.index(text[0], 1) + 1
        return end if text[end:end + 1] == ":" else None
    if text[:1] in "[{":
        return None
    found = re.search(r":(?= |$)", text)
    return found.start() if found else None


class _Block:
    """A cursor over the lines of one document."""

    def __init__(self, lines):
        self.lines, self.at = lines, 0

    def node(self, least):
        line = self.lines[self.at]
        indent = _indent(line)
        if indent < least:
            raise YamlError(f"a value is missing before {line!r}")
        text = line.strip()
        if text == "-" or text.startswith("- "):
            return self.sequence(indent)
        if _key_end(text) is not None:
            return self.mapping(indent)
        self.at += 1
        return flow(text)

    def sequence(self, indent):
        out = []
        while self.at < len(self.lines) and _indent(self.lines[self.at]) == indent:
            text = self.lines[self.at].strip()
            if not (text == "-" or text.startswith("- ")):
                break
            rest = text[1:].strip()
            if not rest:
                self.at += 1
                out.append(self.node(indent + 1))
            else:
                # `- key: value` begins a mapping where its key stands.
                inner = indent + len(self.lines[self.at].strip()) - len(rest)
                self.lines[self.at] = " " * inner + rest
                out.append(self.node(inner))
        return out

    def mapping(self, indent):
        out = {}
        while self.at < len(self.lines) and _indent(self.lines[self.at]) == indent:
            text = self.lines[self.at].strip()
            end = _key_end(text)
            if end is None:
                raise YamlError(f"`key: value` expected: {text!r}")
            key, rest = scalar(text[:end]), text[end + 1:].strip()
            if key in out:
                raise YamlError(f"key twice: {key!r}")
            self.at += 1
            out[key] = flow(rest) if rest else self.below(indent)
        return out

    def below(self, indent):
        if self.at == len(self.lines):
            return None
        line = self.lines[self.at]
        # A sequence may stand under its key without further indentation.
        if _indent(line) > indent or (_indent(line) == indent and line.strip().startswith("- ")):
            return self.node(indent)
        return None


def flow(text):
    value, rest = _flow(text)
    if rest.strip():
        raise YamlError(f"more than a value: {text!r}")
    return value


def _flow(text):
    if text[0] == "{" or text[0] == "[":
        return _collection(text)
    if text[0] in "\"'":
        end = text.index(text[0], 1)
        return text[1:end], text[end + 1:]
    if text[0] in "&*!|>%@`":
        raise YamlError(f"not read here: {text!r}")
    return scalar(text), ""


def _collection(text):
    mapping, close = text[0] == "{", "}" if text[0] == "{" else "]"
    out, rest = ({} if mapping else []), text[1:].lstrip()
    while rest[:1] != close:
        if not rest:
            raise YamlError(f"not closed: {text!r}")
        key = None
        if mapping:
            end = _key_end(rest)
            if end is None:
                raise YamlError(f"`key: value` expected: {rest!r}")
            key, rest = scalar(rest[:end]), rest[end + 1:].lstrip()
        value, rest = _flow(rest) if rest[0] in "{[\"'" else _plain(rest)
        if mapping:
            out[key] = value
        else:
            out.append(value)
        rest = rest.lstrip()
        if rest[:1] == ",":
            rest = rest[1:].lstrip()
    return out, rest[1:]


def _plain(text):
    """A plain scalar inside a flow collection: to the next `,`, `]` or `}` outside round brackets."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0 and c in ",]}":
            return scalar(text[:i].strip()), text[i:]
    raise YamlError(f"not closed: {text!r}")


def scalar(text):
    if text[:1] in "\"'" and text:
        return text[1:-1]
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?\d+\.\d+", text):
        return float(text)
    return text
