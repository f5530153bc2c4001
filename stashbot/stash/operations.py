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
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='Page', variables=dict(filter=sgqlc.types.Arg(sgqlc.types.non_null(_schema.FindFilterType)), among=sgqlc.types.Arg(_schema.ImageFilterType)))
    _op_system_status = _op.system_status()
    _op_system_status.status()
    _op_system_status.app_schema()
    _op_find_images = _op.find_images(filter=sgqlc.types.Variable('filter'), image_filter=sgqlc.types.Variable('among'))
    _op_find_images_images = _op_find_images.images()
    _op_find_images_images.__fragment__(fragment_candidate())
    return _op


def query_images_by_id():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='ImagesById', variables=dict(ids=sgqlc.types.Arg(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null(_schema.ID))))))
    _op_system_status = _op.system_status()
    _op_system_status.status()
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


def query_newest_arrival():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='NewestArrival')
    _op_find_images = _op.find_images(filter={'per_page': 1, 'sort': 'created_at', 'direction': 'DESC'})
    _op_find_images_images = _op_find_images.images()
    _op_find_images_images.created_at()
    return _op


def query_dates():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='Dates', variables=dict(filter=sgqlc.types.Arg(sgqlc.types.non_null(_schema.FindFilterType)), among=sgqlc.types.Arg(_schema.ImageFilterType)))
    _op_find_images = _op.find_images(filter=sgqlc.types.Variable('filter'), image_filter=sgqlc.types.Variable('among'))
    _op_find_images_images = _op_find_images.images()
    _op_find_images_images.id()
    _op_find_images_images.date()
    return _op


def query_saved_filters():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='SavedFilters')
    _op_find_saved_filters = _op.find_saved_filters(mode='IMAGES')
    _op_find_saved_filters.id()
    _op_find_saved_filters.name()
    return _op


def query_saved_filter():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='SavedFilter', variables=dict(id=sgqlc.types.Arg(sgqlc.types.non_null(_schema.ID))))
    _op_find_saved_filter = _op.find_saved_filter(id=sgqlc.types.Variable('id'))
    _op_find_saved_filter.id()
    _op_find_saved_filter.name()
    _op_find_saved_filter_find_filter = _op_find_saved_filter.find_filter()
    _op_find_saved_filter_find_filter.q()
    _op_find_saved_filter.object_filter()
    return _op


def query_rating_system():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='RatingSystem')
    _op_configuration = _op.configuration()
    _op_configuration.ui()
    return _op


def query_names():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='Names', variables=dict(filter=sgqlc.types.Arg(sgqlc.types.non_null(_schema.FindFilterType))))
    _op_find_saved_filters = _op.find_saved_filters(mode='IMAGES')
    _op_find_saved_filters.id()
    _op_find_saved_filters.name()
    _op_find_tags = _op.find_tags(filter=sgqlc.types.Variable('filter'))
    _op_find_tags_tags = _op_find_tags.tags()
    _op_find_tags_tags.id()
    _op_find_tags_tags.name()
    _op_find_tags_tags.aliases()
    _op_find_performers = _op.find_performers(filter=sgqlc.types.Variable('filter'))
    _op_find_performers_performers = _op_find_performers.performers()
    _op_find_performers_performers.id()
    _op_find_performers_performers.name()
    _op_find_performers_performers.disambiguation()
    _op_find_performers_performers.alias_list()
    _op_find_galleries = _op.find_galleries(filter=sgqlc.types.Variable('filter'))
    _op_find_galleries_galleries = _op_find_galleries.galleries()
    _op_find_galleries_galleries.id()
    _op_find_galleries_galleries.title()
    _op_find_galleries_galleries_folder = _op_find_galleries_galleries.folder()
    _op_find_galleries_galleries_folder.path()
    _op_find_galleries_galleries_files = _op_find_galleries_galleries.files()
    _op_find_galleries_galleries_files.basename()
    _op_find_studios = _op.find_studios(filter=sgqlc.types.Variable('filter'))
    _op_find_studios_studios = _op_find_studios.studios()
    _op_find_studios_studios.id()
    _op_find_studios_studios.name()
    _op_find_studios_studios.aliases()
    return _op


def query_details():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='Details', variables=dict(id=sgqlc.types.Arg(sgqlc.types.non_null(_schema.ID))))
    _op_system_status = _op.system_status()
    _op_system_status.app_schema()
    _op_find_image = _op.find_image(id=sgqlc.types.Variable('id'))
    _op_find_image.__fragment__(fragment_candidate())
    _op_find_image.code()
    _op_find_image.photographer()
    _op_find_image.details()
    _op_find_image.o_counter()
    _op_find_image.created_at()
    return _op


def query_rating():
    _op = sgqlc.operation.Operation(_schema_root.query_type, name='Rating', variables=dict(id=sgqlc.types.Arg(sgqlc.types.non_null(_schema.ID))))
    _op_find_image = _op.find_image(id=sgqlc.types.Variable('id'))
    _op_find_image.id()
    _op_find_image.rating100()
    return _op


class Query:
    count = query_count()
    dates = query_dates()
    details = query_details()
    ids = query_ids()
    images_by_id = query_images_by_id()
    names = query_names()
    newest_arrival = query_newest_arrival()
    page = query_page()
    rating = query_rating()
    rating_system = query_rating_system()
    saved_filter = query_saved_filter()
    saved_filters = query_saved_filters()
    server = query_server()


class Operations:
    fragment = Fragment
    mutation = Mutation
    query = Query
