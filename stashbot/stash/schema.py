import sgqlc.types


schema = sgqlc.types.Schema()



########################################################################
# Scalars and Enumerations
########################################################################
Boolean = sgqlc.types.Boolean

class CriterionModifier(sgqlc.types.Enum):
    __schema__ = schema
    __choices__ = ('BETWEEN', 'EQUALS', 'EXCLUDES', 'GREATER_THAN', 'INCLUDES', 'INCLUDES_ALL', 'IS_NULL', 'LESS_THAN', 'MATCHES_REGEX', 'NOT_BETWEEN', 'NOT_EQUALS', 'NOT_MATCHES_REGEX', 'NOT_NULL')


class FilterMode(sgqlc.types.Enum):
    __schema__ = schema
    __choices__ = ('IMAGES',)


Float = sgqlc.types.Float

ID = sgqlc.types.ID

Int = sgqlc.types.Int

class Int64(sgqlc.types.Scalar):
    __schema__ = schema


class Map(sgqlc.types.Scalar):
    __schema__ = schema


class OrientationEnum(sgqlc.types.Enum):
    __schema__ = schema
    __choices__ = ('LANDSCAPE', 'PORTRAIT', 'SQUARE')


class ResolutionEnum(sgqlc.types.Enum):
    __schema__ = schema
    __choices__ = ('EIGHT_K', 'FIVE_K', 'FOUR_K', 'FULL_HD', 'HUGE', 'LOW', 'QUAD_HD', 'R360P', 'SEVEN_K', 'SIX_K', 'STANDARD', 'STANDARD_HD', 'VERY_LOW', 'WEB_HD')


class SortDirectionEnum(sgqlc.types.Enum):
    __schema__ = schema
    __choices__ = ('ASC', 'DESC')


String = sgqlc.types.String

class SystemStatusEnum(sgqlc.types.Enum):
    __schema__ = schema
    __choices__ = ('NEEDS_MIGRATION', 'OK', 'SETUP')


class Time(sgqlc.types.Scalar):
    __schema__ = schema



########################################################################
# Input Objects
########################################################################
class DateCriterionInput(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('value', 'value2', 'modifier')
    value = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='value')
    value2 = sgqlc.types.Field(String, graphql_name='value2')
    modifier = sgqlc.types.Field(sgqlc.types.non_null(CriterionModifier), graphql_name='modifier')


class FindFilterType(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('q', 'page', 'per_page', 'sort', 'direction')
    q = sgqlc.types.Field(String, graphql_name='q')
    page = sgqlc.types.Field(Int, graphql_name='page')
    per_page = sgqlc.types.Field(Int, graphql_name='per_page')
    sort = sgqlc.types.Field(String, graphql_name='sort')
    direction = sgqlc.types.Field(SortDirectionEnum, graphql_name='direction')


class HierarchicalMultiCriterionInput(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('value', 'excludes', 'modifier', 'depth')
    value = sgqlc.types.Field(sgqlc.types.list_of(sgqlc.types.non_null(ID)), graphql_name='value')
    excludes = sgqlc.types.Field(sgqlc.types.list_of(sgqlc.types.non_null(ID)), graphql_name='excludes')
    modifier = sgqlc.types.Field(sgqlc.types.non_null(CriterionModifier), graphql_name='modifier')
    depth = sgqlc.types.Field(Int, graphql_name='depth')


class ImageFilterType(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('or_', 'id', 'title', 'code', 'details', 'photographer', 'checksum', 'path', 'url', 'rating100', 'o_counter', 'tag_count', 'performer_count', 'performer_age', 'file_count', 'organized', 'performer_favorite', 'is_missing', 'tags', 'performer_tags', 'studios', 'performers', 'galleries', 'resolution', 'orientation', 'date', 'created_at', 'updated_at')
    or_ = sgqlc.types.Field('ImageFilterType', graphql_name='OR')
    id = sgqlc.types.Field('IntCriterionInput', graphql_name='id')
    title = sgqlc.types.Field('StringCriterionInput', graphql_name='title')
    code = sgqlc.types.Field('StringCriterionInput', graphql_name='code')
    details = sgqlc.types.Field('StringCriterionInput', graphql_name='details')
    photographer = sgqlc.types.Field('StringCriterionInput', graphql_name='photographer')
    checksum = sgqlc.types.Field('StringCriterionInput', graphql_name='checksum')
    path = sgqlc.types.Field('StringCriterionInput', graphql_name='path')
    url = sgqlc.types.Field('StringCriterionInput', graphql_name='url')
    rating100 = sgqlc.types.Field('IntCriterionInput', graphql_name='rating100')
    o_counter = sgqlc.types.Field('IntCriterionInput', graphql_name='o_counter')
    tag_count = sgqlc.types.Field('IntCriterionInput', graphql_name='tag_count')
    performer_count = sgqlc.types.Field('IntCriterionInput', graphql_name='performer_count')
    performer_age = sgqlc.types.Field('IntCriterionInput', graphql_name='performer_age')
    file_count = sgqlc.types.Field('IntCriterionInput', graphql_name='file_count')
    organized = sgqlc.types.Field(Boolean, graphql_name='organized')
    performer_favorite = sgqlc.types.Field(Boolean, graphql_name='performer_favorite')
    is_missing = sgqlc.types.Field(String, graphql_name='is_missing')
    tags = sgqlc.types.Field(HierarchicalMultiCriterionInput, graphql_name='tags')
    performer_tags = sgqlc.types.Field(HierarchicalMultiCriterionInput, graphql_name='performer_tags')
    studios = sgqlc.types.Field(HierarchicalMultiCriterionInput, graphql_name='studios')
    performers = sgqlc.types.Field('MultiCriterionInput', graphql_name='performers')
    galleries = sgqlc.types.Field('MultiCriterionInput', graphql_name='galleries')
    resolution = sgqlc.types.Field('ResolutionCriterionInput', graphql_name='resolution')
    orientation = sgqlc.types.Field('OrientationCriterionInput', graphql_name='orientation')
    date = sgqlc.types.Field(DateCriterionInput, graphql_name='date')
    created_at = sgqlc.types.Field('TimestampCriterionInput', graphql_name='created_at')
    updated_at = sgqlc.types.Field('TimestampCriterionInput', graphql_name='updated_at')


class ImageUpdateInput(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('id', 'rating100')
    id = sgqlc.types.Field(sgqlc.types.non_null(ID), graphql_name='id')
    rating100 = sgqlc.types.Field(Int, graphql_name='rating100')


class IntCriterionInput(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('value', 'value2', 'modifier')
    value = sgqlc.types.Field(sgqlc.types.non_null(Int), graphql_name='value')
    value2 = sgqlc.types.Field(Int, graphql_name='value2')
    modifier = sgqlc.types.Field(sgqlc.types.non_null(CriterionModifier), graphql_name='modifier')


class MultiCriterionInput(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('value', 'excludes', 'modifier')
    value = sgqlc.types.Field(sgqlc.types.list_of(sgqlc.types.non_null(ID)), graphql_name='value')
    excludes = sgqlc.types.Field(sgqlc.types.list_of(sgqlc.types.non_null(ID)), graphql_name='excludes')
    modifier = sgqlc.types.Field(sgqlc.types.non_null(CriterionModifier), graphql_name='modifier')


class OrientationCriterionInput(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('value',)
    value = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null(OrientationEnum))), graphql_name='value')


class ResolutionCriterionInput(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('value', 'modifier')
    value = sgqlc.types.Field(sgqlc.types.non_null(ResolutionEnum), graphql_name='value')
    modifier = sgqlc.types.Field(sgqlc.types.non_null(CriterionModifier), graphql_name='modifier')


class StringCriterionInput(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('value', 'modifier')
    value = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='value')
    modifier = sgqlc.types.Field(sgqlc.types.non_null(CriterionModifier), graphql_name='modifier')


class TimestampCriterionInput(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('value', 'value2', 'modifier')
    value = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='value')
    value2 = sgqlc.types.Field(String, graphql_name='value2')
    modifier = sgqlc.types.Field(sgqlc.types.non_null(CriterionModifier), graphql_name='modifier')



########################################################################
# Output Objects and Interfaces
########################################################################
class ConfigResult(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('ui',)
    ui = sgqlc.types.Field(sgqlc.types.non_null(Map), graphql_name='ui')


class FindGalleriesResultType(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('galleries',)
    galleries = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null('Gallery'))), graphql_name='galleries')


class FindImagesResultType(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('count', 'images')
    count = sgqlc.types.Field(sgqlc.types.non_null(Int), graphql_name='count')
    images = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null('Image'))), graphql_name='images')


class FindPerformersResultType(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('performers',)
    performers = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null('Performer'))), graphql_name='performers')


class FindStudiosResultType(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('studios',)
    studios = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null('Studio'))), graphql_name='studios')


class FindTagsResultType(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('tags',)
    tags = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null('Tag'))), graphql_name='tags')


class Folder(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('path',)
    path = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='path')


class Gallery(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('id', 'title', 'folder', 'files')
    id = sgqlc.types.Field(sgqlc.types.non_null(ID), graphql_name='id')
    title = sgqlc.types.Field(String, graphql_name='title')
    folder = sgqlc.types.Field(Folder, graphql_name='folder')
    files = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null('GalleryFile'))), graphql_name='files')


class GalleryFile(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('basename',)
    basename = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='basename')


class Image(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('id', 'title', 'code', 'photographer', 'details', 'o_counter', 'date', 'rating100', 'created_at', 'updated_at', 'paths', 'visual_files', 'studio', 'performers', 'galleries', 'tags')
    id = sgqlc.types.Field(sgqlc.types.non_null(ID), graphql_name='id')
    title = sgqlc.types.Field(String, graphql_name='title')
    code = sgqlc.types.Field(String, graphql_name='code')
    photographer = sgqlc.types.Field(String, graphql_name='photographer')
    details = sgqlc.types.Field(String, graphql_name='details')
    o_counter = sgqlc.types.Field(Int, graphql_name='o_counter')
    date = sgqlc.types.Field(String, graphql_name='date')
    rating100 = sgqlc.types.Field(Int, graphql_name='rating100')
    created_at = sgqlc.types.Field(sgqlc.types.non_null(Time), graphql_name='created_at')
    updated_at = sgqlc.types.Field(sgqlc.types.non_null(Time), graphql_name='updated_at')
    paths = sgqlc.types.Field(sgqlc.types.non_null('ImagePathsType'), graphql_name='paths')
    visual_files = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null('VisualFile'))), graphql_name='visual_files')
    studio = sgqlc.types.Field('Studio', graphql_name='studio')
    performers = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null('Performer'))), graphql_name='performers')
    galleries = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null(Gallery))), graphql_name='galleries')
    tags = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null('Tag'))), graphql_name='tags')


class ImageFile(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('basename', 'size', 'mod_time', 'width', 'height', 'fingerprint')
    basename = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='basename')
    size = sgqlc.types.Field(sgqlc.types.non_null(Int64), graphql_name='size')
    mod_time = sgqlc.types.Field(sgqlc.types.non_null(Time), graphql_name='mod_time')
    width = sgqlc.types.Field(sgqlc.types.non_null(Int), graphql_name='width')
    height = sgqlc.types.Field(sgqlc.types.non_null(Int), graphql_name='height')
    fingerprint = sgqlc.types.Field(String, graphql_name='fingerprint', args=sgqlc.types.ArgDict((
        ('type', sgqlc.types.Arg(sgqlc.types.non_null(String), graphql_name='type', default=None)),
))
    )


class ImagePathsType(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('image',)
    image = sgqlc.types.Field(String, graphql_name='image')


class Mutation(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('image_update',)
    image_update = sgqlc.types.Field(Image, graphql_name='imageUpdate', args=sgqlc.types.ArgDict((
        ('input', sgqlc.types.Arg(sgqlc.types.non_null(ImageUpdateInput), graphql_name='input', default=None)),
))
    )


class Performer(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('id', 'name', 'disambiguation', 'alias_list')
    id = sgqlc.types.Field(sgqlc.types.non_null(ID), graphql_name='id')
    name = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='name')
    disambiguation = sgqlc.types.Field(String, graphql_name='disambiguation')
    alias_list = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null(String))), graphql_name='alias_list')


class Query(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('version', 'system_status', 'find_images', 'find_image', 'find_saved_filters', 'find_saved_filter', 'find_tags', 'find_performers', 'find_galleries', 'find_studios', 'configuration')
    version = sgqlc.types.Field(sgqlc.types.non_null('Version'), graphql_name='version')
    system_status = sgqlc.types.Field(sgqlc.types.non_null('SystemStatus'), graphql_name='systemStatus')
    find_images = sgqlc.types.Field(sgqlc.types.non_null(FindImagesResultType), graphql_name='findImages', args=sgqlc.types.ArgDict((
        ('image_filter', sgqlc.types.Arg(ImageFilterType, graphql_name='image_filter', default=None)),
        ('filter', sgqlc.types.Arg(FindFilterType, graphql_name='filter', default=None)),
        ('ids', sgqlc.types.Arg(sgqlc.types.list_of(sgqlc.types.non_null(ID)), graphql_name='ids', default=None)),
))
    )
    find_image = sgqlc.types.Field(Image, graphql_name='findImage', args=sgqlc.types.ArgDict((
        ('id', sgqlc.types.Arg(ID, graphql_name='id', default=None)),
))
    )
    find_saved_filters = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null('SavedFilter'))), graphql_name='findSavedFilters', args=sgqlc.types.ArgDict((
        ('mode', sgqlc.types.Arg(FilterMode, graphql_name='mode', default=None)),
))
    )
    find_saved_filter = sgqlc.types.Field('SavedFilter', graphql_name='findSavedFilter', args=sgqlc.types.ArgDict((
        ('id', sgqlc.types.Arg(sgqlc.types.non_null(ID), graphql_name='id', default=None)),
))
    )
    find_tags = sgqlc.types.Field(sgqlc.types.non_null(FindTagsResultType), graphql_name='findTags', args=sgqlc.types.ArgDict((
        ('filter', sgqlc.types.Arg(FindFilterType, graphql_name='filter', default=None)),
))
    )
    find_performers = sgqlc.types.Field(sgqlc.types.non_null(FindPerformersResultType), graphql_name='findPerformers', args=sgqlc.types.ArgDict((
        ('filter', sgqlc.types.Arg(FindFilterType, graphql_name='filter', default=None)),
))
    )
    find_galleries = sgqlc.types.Field(sgqlc.types.non_null(FindGalleriesResultType), graphql_name='findGalleries', args=sgqlc.types.ArgDict((
        ('filter', sgqlc.types.Arg(FindFilterType, graphql_name='filter', default=None)),
))
    )
    find_studios = sgqlc.types.Field(sgqlc.types.non_null(FindStudiosResultType), graphql_name='findStudios', args=sgqlc.types.ArgDict((
        ('filter', sgqlc.types.Arg(FindFilterType, graphql_name='filter', default=None)),
))
    )
    configuration = sgqlc.types.Field(sgqlc.types.non_null(ConfigResult), graphql_name='configuration')


class SavedFilter(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('id', 'name', 'find_filter', 'object_filter')
    id = sgqlc.types.Field(sgqlc.types.non_null(ID), graphql_name='id')
    name = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='name')
    find_filter = sgqlc.types.Field('SavedFindFilterType', graphql_name='find_filter')
    object_filter = sgqlc.types.Field(Map, graphql_name='object_filter')


class SavedFindFilterType(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('q',)
    q = sgqlc.types.Field(String, graphql_name='q')


class Studio(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('id', 'name', 'aliases')
    id = sgqlc.types.Field(sgqlc.types.non_null(ID), graphql_name='id')
    name = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='name')
    aliases = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null(String))), graphql_name='aliases')


class SystemStatus(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('status', 'app_schema')
    status = sgqlc.types.Field(sgqlc.types.non_null(SystemStatusEnum), graphql_name='status')
    app_schema = sgqlc.types.Field(sgqlc.types.non_null(Int), graphql_name='appSchema')


class Tag(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('id', 'name', 'aliases')
    id = sgqlc.types.Field(sgqlc.types.non_null(ID), graphql_name='id')
    name = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='name')
    aliases = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null(String))), graphql_name='aliases')


class Version(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('version',)
    version = sgqlc.types.Field(String, graphql_name='version')


class VideoFile(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('basename', 'size', 'mod_time', 'width', 'height', 'duration', 'fingerprint')
    basename = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='basename')
    size = sgqlc.types.Field(sgqlc.types.non_null(Int64), graphql_name='size')
    mod_time = sgqlc.types.Field(sgqlc.types.non_null(Time), graphql_name='mod_time')
    width = sgqlc.types.Field(sgqlc.types.non_null(Int), graphql_name='width')
    height = sgqlc.types.Field(sgqlc.types.non_null(Int), graphql_name='height')
    duration = sgqlc.types.Field(sgqlc.types.non_null(Float), graphql_name='duration')
    fingerprint = sgqlc.types.Field(String, graphql_name='fingerprint', args=sgqlc.types.ArgDict((
        ('type', sgqlc.types.Arg(sgqlc.types.non_null(String), graphql_name='type', default=None)),
))
    )



########################################################################
# Unions
########################################################################
class VisualFile(sgqlc.types.Union):
    __schema__ = schema
    __types__ = (ImageFile, VideoFile)



########################################################################
# Schema Entry Points
########################################################################
schema.query_type = Query
schema.mutation_type = Mutation
schema.subscription_type = None

