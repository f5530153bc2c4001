"""Tags, performers, galleries and studios of the Stash stand-in, by name."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache, partial
from operator import itemgetter
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from ..pictures.picture import Details, Gallery, Picture
from .search import page, searching

#: A tag, performer, gallery or studio by the schema's names. `rows` are the columns that a
#: search looks at; SQL has a row for each alias.
Node = dict[str, Any]
#: The relations of a picture, each with the kind of its nodes.
KINDS = {"tags": "tag", "performers": "performer", "galleries": "gallery", "studios": "studio"}


@lru_cache(maxsize=100_000)
def id_of(kind: str, name: str) -> int:
    """An id that depends on kind and name alone."""
    return zlib.crc32(f"{kind} {name}".encode()) >> 1


def number(id: str) -> int:
    try:
        return int(id)
    except ValueError as error:
        raise GraphQLError(f'strconv.Atoi: parsing "{id}": invalid syntax') from error


class Catalogue:
    """The details of tags, performers and studios. Thread-safe; immutable apart from a cache."""

    def __init__(self, details: Iterable[Details] = ()) -> None:
        self.details = {id_of(each.kind, each.full_name): each for each in details}
        self._nodes: dict[tuple[str, str | Gallery], Node] = {}
        self._children: dict[int, set[int]] = {}
        for id, each in self.details.items():
            self._children.setdefault(id_of(each.kind, each.parent), set()).add(id)

    def below(self, id: int, depth: int) -> set[int]:
        """This id and those of `depth` levels of children; -1 is all levels."""
        found = level = {id}
        while depth and level:
            level = {child for each in level for child in self._children.get(each, ())} - found
            found = found | level
            depth -= 1
        return found

    def ids(self, picture: Picture, relation: str) -> set[int]:
        """The ids of a relation, which has the name of its criterion."""
        return {self.node(KINDS[relation], name)["id"] for name in getattr(picture, relation)}

    def node(self, kind: str, name: str | Gallery) -> Node:
        if (kind, name) not in self._nodes:
            made = self._node(kind, name) if isinstance(name, str) else _gallery(name)
            self._nodes[kind, name] = made
        return self._nodes[kind, name]

    def _node(self, kind: str, name: str) -> Node:
        id = id_of(kind, name)
        details = self.details.get(id) or Details(kind, name)
        return {
            "id": id,
            "name": details.name,
            "disambiguation": details.disambiguation,
            "aliases": details.aliases,
            "alias_list": details.aliases,
            "rows": [(details.name, alias) for alias in details.aliases or [""]],
        }


def _gallery(gallery: Gallery) -> Node:
    return {
        "id": id_of("gallery", gallery.title or gallery.folder),
        "title": gallery.title,
        "folder": {"path": gallery.folder} if gallery.folder else None,
        "files": [],
        "rows": [(gallery.title, gallery.folder)],
    }


class Names:
    """Answers Stash's searches for names. Thread-safe; reads the pictures at the first search."""

    def __init__(self, catalogue: Catalogue, pictures: Mapping[int, Picture]) -> None:
        self._catalogue = catalogue
        self._pictures = pictures

    @property
    def resolvers(self) -> dict[str, Callable[..., object]]:
        """The root fields: findTags, findPerformers, findGalleries and findStudios."""
        return {f"find{each.title()}": partial(self._find, each) for each in KINDS}

    def _find(
        self, relation: str, _: GraphQLResolveInfo, filter: dict[str, Any] | None = None
    ) -> dict[str, Sequence[Node]]:
        wanted = filter or {}
        if wanted.get("sort") != "images_count":
            raise GraphQLError(f"invalid sort: {wanted.get('sort')}")
        matches = searching(wanted.get("q") or "")
        found = [each for each in self._sorted[relation] if any(map(matches, each[1]["rows"]))]
        found.sort(key=itemgetter(0), reverse=wanted.get("direction") == "DESC")
        return {relation: [node for _, node in page(found, wanted)]}

    @cached_property
    def _sorted(self) -> dict[str, list[tuple[int, Node]]]:
        """The nodes of each relation with their numbers of images, sorted by name."""
        images = {relation: Counter[str | Gallery]() for relation in KINDS}
        for each in self._catalogue.details.values():
            images[f"{each.kind}s"][each.full_name] = 0
        for key in self._pictures:
            picture = self._pictures[key]
            for relation, counts in images.items():
                for name in getattr(picture, relation):
                    counts[name] += 1
        return {
            relation: sorted(
                ((count, self._catalogue.node(KINDS[relation], name)) for name, count in counts),
                key=lambda each: str(each[1]["rows"][0][0]).lower(),
            )
            for relation, counts in ((relation, each.items()) for relation, each in images.items())
        }
