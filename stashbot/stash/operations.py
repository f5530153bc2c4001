import sgqlc.types
import sgqlc.operation
from . import schema

_schema = schema
_schema_root = _schema.schema

__all__ = ('Operations',)


def fragment_candidate():
    _frag = sgqlc.operation.Fragment(_schema.Image, 'Candidate')
    _frag.id()
    _frag.title()
    _frag.date()
    _frag.rating100()
    _frag_visual_files = _frag.visual_files()
    _frag_visual_files__as__ImageFile = _frag_visual_files.__as__(_schema.ImageFile)
    _frag_visual_files__as__ImageFile.basename()
    _frag_visual_files__as__ImageFile.size()
    _frag_visual_files__as__ImageFile.mod_time()
    _frag_visual_files__as__ImageFile.width()
    _frag_visual_files__as__ImageFile.height()
    _frag_visual_files__as__ImageFile.fingerprint(type='md5')
    _frag_visual_files__as__VideoFile = _frag_visual_files.__as__(_schema.VideoFile)
    _frag_visual_files__as__VideoFile.basename()
    _frag_visual_files__as__VideoFile.size()
    _frag_visual_files__as__VideoFile.mod_time()
    _frag_visual_files__as__VideoFile.width()
    _frag_visual_files__as__VideoFile.height()
    _frag_visual_files__as__VideoFile.duration()
    _frag_visual_files__as__VideoFile.fingerprint(type='md5')
    _frag_studio = _frag.studio()
    _frag_studio.id()
    _frag_studio.name()
    _frag_performers = _frag.performers()
    _frag_performers.id()
    _frag_performers.name()
    _frag_performers.disambiguation()
    _frag_galleries = _frag.galleries()
    _frag_galleries.id()
    _frag_galleries.title()
    _frag_galleries_folder = _frag_galleries.folder()
    _frag_galleries_folder.path()
    _frag_galleries_files = _frag_galleries.files()
    _frag_galleries_files.basename()
    _frag_tags = _frag.tags()
    _frag_tags.id()
    _frag_tags.name()
    return _frag


class Fragment:
    candidate = fragment_candidate()


def mutation_rate():
    _op = sgqlc.operation.Operation(_schema_root.mutation_type, name='Rate', variables=dict(input=sgqlc.types.Arg(sgqlc.types.non_null(_schema.ImageUpdateInput))))
    _op_image_update = _op.image_update(input=sgqlc.types.Variable('input'))
    _op_image_update.id()
    return _op


class Mutation:
    rate = mutation_rate()


def query_server():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='Server')
    _op_version = _op.version()
    _op_version.version()
    _op_system_status = _op.system_status()
    _op_system_status.status()
    _op_system_status.app_schema()
    return _op


def query_count():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='Count')
    _op_find_images = _op.find_images(filter={'per_page': 0})
    _op_find_images.count()
    return _op


def query_page():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='Page', variables=dict(filter=sgqlc.types.Arg(sgqlc.types.non_null(_schema.FindFilterType))))
    _op_system_status = _op.system_status()
    _op_system_status.app_schema()
    _op_find_images = _op.find_images(filter=sgqlc.types.Variable('filter'))
    _op_find_images_images = _op_find_images.images()
    _op_find_images_images.__fragment__(fragment_candidate())
    return _op


def query_images_by_id():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='ImagesById', variables=dict(ids=sgqlc.types.Arg(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null(_schema.ID))))))
    _op_system_status = _op.system_status()
    _op_system_status.app_schema()
    _op_find_images = _op.find_images(ids=sgqlc.types.Variable('ids'))
    _op_find_images_images = _op_find_images.images()
    _op_find_images_images.__fragment__(fragment_candidate())
    return _op


def query_ids():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='Ids', variables=dict(filter=sgqlc.types.Arg(sgqlc.types.non_null(_schema.FindFilterType)), among=sgqlc.types.Arg(_schema.ImageFilterType)))
    _op_find_images = _op.find_images(filter=sgqlc.types.Variable('filter'), image_filter=sgqlc.types.Variable('among'))
    _op_find_images_images = _op_find_images.images()
    _op_find_images_images.id()
    return _op


def query_rating():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='Rating', variables=dict(id=sgqlc.types.Arg(sgqlc.types.non_null(_schema.ID))))
    _op_find_image = _op.find_image(id=sgqlc.types.Variable('id'))
    _op_find_image.id()
    _op_find_image.rating100()
    return _op


class Query:
    count = query_count()
    ids = query_ids()
    images_by_id = query_images_by_id()
    page = query_page()
    rating = query_rating()
    server = query_server()


class Operations:
    fragment = Fragment
    mutation = Mutation
    query = Query
