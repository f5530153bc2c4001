"""Our part of Stash's API: the schema, the questions, and the files generated from them."""

import pytest
from graphql import build_schema, parse, validate
from sgqlc.operation import Operation

from stashbot.stash.operations import Operations
from tests.regenerate import COMMANDS, STASH, generate

SCHEMA = build_schema((STASH / "schema.graphql").read_text("utf-8"))
OPERATIONS = {
    name: operation
    for kind in (Operations.query, Operations.mutation)
    for name, operation in vars(kind).items()
    if isinstance(operation, Operation)
}

#: Names of Stash 0.26, the oldest that is served, as far as they may matter to us: a type
#: with its fields, an input with its keys, an enumeration with its values, a union with
#: its members, a field with its arguments.
KNOWN = {
    "Query": "findImages findImage systemStatus version configuration findSavedFilters"
    " findSavedFilter findTags findPerformers findGalleries findStudios",
    "Query.findSavedFilters": "mode",
    "Query.findSavedFilter": "id",
    "Query.findTags": "tag_filter filter ids",
    "Query.findPerformers": "performer_filter filter ids",
    "Query.findGalleries": "gallery_filter filter ids",
    "Query.findStudios": "studio_filter filter ids",
    "Query.findImages": "image_filter image_ids ids filter",
    "Query.findImage": "id",
    "Mutation": "imageUpdate bulkImageUpdate",
    "Mutation.imageUpdate": "input",
    "ImageUpdateInput": "id title rating100 organized urls date studio_id tag_ids",
    "Version": "version hash build_time",
    "SystemStatus": "status appSchema databaseSchema",
    "SystemStatusEnum": "SETUP NEEDS_MIGRATION OK",
    "FindFilterType": "q page per_page sort direction",
    "SortDirectionEnum": "ASC DESC",
    "ImageFilterType": "AND OR NOT id title code details photographer checksum path url"
    " rating100 o_counter tag_count performer_count performer_age file_count organized"
    " performer_favorite is_missing tags performer_tags studios performers galleries"
    " resolution orientation date created_at updated_at",
    "StringCriterionInput": "value modifier",
    "HierarchicalMultiCriterionInput": "value excludes modifier depth",
    "ResolutionCriterionInput": "value modifier",
    "OrientationCriterionInput": "value",
    "DateCriterionInput": "value value2 modifier",
    "TimestampCriterionInput": "value value2 modifier",
    "ResolutionEnum": "VERY_LOW LOW R360P STANDARD WEB_HD STANDARD_HD FULL_HD QUAD_HD FOUR_K"
    " FIVE_K SIX_K SEVEN_K EIGHT_K HUGE",
    "OrientationEnum": "LANDSCAPE PORTRAIT SQUARE",
    "FilterMode": "SCENES IMAGES GALLERIES PERFORMERS STUDIOS TAGS",
    "IntCriterionInput": "value value2 modifier",
    "MultiCriterionInput": "value excludes modifier",
    "CriterionModifier": "EQUALS NOT_EQUALS GREATER_THAN LESS_THAN IS_NULL NOT_NULL BETWEEN"
    " INCLUDES INCLUDES_ALL EXCLUDES MATCHES_REGEX NOT_MATCHES_REGEX NOT_BETWEEN",
    "FindImagesResultType": "count megapixels filesize images",
    "Image": "id title code rating100 date details photographer o_counter organized urls"
    " created_at updated_at paths visual_files galleries studio tags performers",
    "ImagePathsType": "image thumbnail preview",
    "VisualFile": "ImageFile VideoFile",
    "ImageFile": "id path basename size mod_time width height fingerprint fingerprints",
    "ImageFile.fingerprint": "type",
    "VideoFile": "id path basename size mod_time width height fingerprint format duration",
    "VideoFile.fingerprint": "type",
    "SavedFilter": "id name mode find_filter object_filter ui_options",
    "SavedFindFilterType": "q page per_page sort direction",
    "ConfigResult": "general interface ui",
    "FindTagsResultType": "count tags",
    "FindPerformersResultType": "count performers",
    "FindGalleriesResultType": "count galleries",
    "FindStudiosResultType": "count studios",
    "Studio": "id name aliases",
    "Performer": "id name disambiguation alias_list favorite image_count",
    "Tag": "id name aliases image_count",
    "Gallery": "id title date rating100 organized image_count folder files",
    "Folder": "path",
    "GalleryFile": "basename",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_generated_files_are_fresh(name, tmp_path):
    generate(tmp_path)

    assert (STASH / name).read_bytes() == (tmp_path / name).read_bytes(), (
        "run: python -m tests.regenerate"
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_is_valid(name):
    definition = parse(str(OPERATIONS[name])).definitions[0]

    assert validate(SCHEMA, parse(str(OPERATIONS[name]))) == []
    assert all(one.variable.name.value.islower() for one in definition.variable_definitions)


def test_only_a_rating_can_be_changed():
    kinds = {name: parse(str(each)).definitions[0].operation for name, each in OPERATIONS.items()}

    assert [name for name, kind in kinds.items() if kind.value != "query"] == ["rate"]
    assert list(SCHEMA.mutation_type.fields) == ["imageUpdate"]
    assert set(SCHEMA.type_map["ImageUpdateInput"].fields) == {"id", "rating100"}


def names_in(schema):
    """Pairs of a type (or a field) and the names that our schema gives it."""
    for type in schema.type_map.values():
        if type.name.startswith("__"):
            continue
        fields = getattr(type, "fields", {})
        members = [member.name for member in getattr(type, "types", ())]
        names = [*fields, *getattr(type, "values", ()), *members]
        if names:
            yield type.name, names
        for name, field in fields.items():
            if getattr(field, "args", None):
                yield f"{type.name}.{name}", list(field.args)


@pytest.mark.parametrize(
    ("owner", "names"), list(names_in(SCHEMA)), ids=lambda value: str(value)[:30]
)
def test_schema_has_only_names_of_stash(owner, names):
    assert set(names) <= set(KNOWN[owner].split())
