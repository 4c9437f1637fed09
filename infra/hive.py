"""Column types of the catalog, which are Hive's, as the views spell them, which are Trino's."""

import re

SCALARS = {"string": "varchar", "timestamp": "timestamp(3)"}


def trino(hive: str) -> str:
    """Trino's name of a Hive type: array<string> is array(varchar)."""
    composed = re.fullmatch(r"(array|map|struct)<(.*)>", hive)
    if not composed:
        return SCALARS.get(hive, hive)
    kind, parts = composed[1], split(composed[2])
    if kind == "struct":
        named = (part.split(":", 1) for part in parts)
        return f"row({', '.join(f'{name} {trino(type_)}' for name, type_ in named)})"
    return f"{kind}({', '.join(map(trino, parts))})"


def hive(trino_type: str) -> str:
    """Hive's name of a Trino type: array(varchar) is array<string>."""
    for scalar, name in SCALARS.items():
        if trino_type == name:
            return scalar
    composed = re.fullmatch(r"(array|map|row)\((.*)\)", trino_type)
    if not composed:
        return trino_type
    kind, parts = composed[1], [part.strip() for part in split(composed[2])]
    if kind == "row":
        named = (part.split(" ", 1) for part in parts)
        return f"struct<{','.join(f'{name}:{hive(type_)}' for name, type_ in named)}>"
    return f"{kind}<{','.join(map(hive, parts))}>"


def split(inner: str) -> list[str]:
    """The types between the commas that are outside of any brackets."""
    parts, depth = [""], 0
    for character in inner:
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
