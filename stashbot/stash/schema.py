import sgqlc.types


schema = sgqlc.types.Schema()



########################################################################
# Scalars and Enumerations
########################################################################
Boolean = sgqlc.types.Boolean

class CriterionModifier(sgqlc.types.Enum):
    __schema__ = schema
    __choices__ = ('GREATER_THAN', 'INCLUDES')


Float = sgqlc.types.Float

ID = sgqlc.types.ID

Int = sgqlc.types.Int

class Int64(sgqlc.types.Scalar):
    __schema__ = schema


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
class FindFilterType(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('page', 'per_page', 'sort', 'direction')
    page = sgqlc.types.Field(Int, graphql_name='page')
    per_page = sgqlc.types.Field(Int, graphql_name='per_page')
    sort = sgqlc.types.Field(String, graphql_name='sort')
    direction = sgqlc.types.Field(SortDirectionEnum, graphql_name='direction')


class ImageFilterType(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('id', 'performers', 'galleries')
    id = sgqlc.types.Field('IntCriterionInput', graphql_name='id')
    performers = sgqlc.types.Field('MultiCriterionInput', graphql_name='performers')
    galleries = sgqlc.types.Field('MultiCriterionInput', graphql_name='galleries')


class ImageUpdateInput(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('id', 'rating100')
    id = sgqlc.types.Field(sgqlc.types.non_null(ID), graphql_name='id')
    rating100 = sgqlc.types.Field(Int, graphql_name='rating100')


class IntCriterionInput(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('value', 'modifier')
    value = sgqlc.types.Field(sgqlc.types.non_null(Int), graphql_name='value')
    modifier = sgqlc.types.Field(sgqlc.types.non_null(CriterionModifier), graphql_name='modifier')


class MultiCriterionInput(sgqlc.types.Input):
    __schema__ = schema
    __field_names__ = ('value', 'modifier')
    value = sgqlc.types.Field(sgqlc.types.list_of(sgqlc.types.non_null(ID)), graphql_name='value')
    modifier = sgqlc.types.Field(sgqlc.types.non_null(CriterionModifier), graphql_name='modifier')



########################################################################
# Output Objects and Interfaces
########################################################################
class FindImagesResultType(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('count', 'images')
    count = sgqlc.types.Field(sgqlc.types.non_null(Int), graphql_name='count')
    images = sgqlc.types.Field(sgqlc.types.non_null(sgqlc.types.list_of(sgqlc.types.non_null('Image'))), graphql_name='images')


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
    __field_names__ = ('id', 'title', 'date', 'rating100', 'updated_at', 'paths', 'visual_files', 'studio', 'performers', 'galleries', 'tags')
    id = sgqlc.types.Field(sgqlc.types.non_null(ID), graphql_name='id')
    title = sgqlc.types.Field(String, graphql_name='title')
    date = sgqlc.types.Field(String, graphql_name='date')
    rating100 = sgqlc.types.Field(Int, graphql_name='rating100')
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
    __field_names__ = ('id', 'name', 'disambiguation')
    id = sgqlc.types.Field(sgqlc.types.non_null(ID), graphql_name='id')
    name = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='name')
    disambiguation = sgqlc.types.Field(String, graphql_name='disambiguation')


class Query(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('version', 'system_status', 'find_images', 'find_image')
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


class Studio(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('id', 'name')
    id = sgqlc.types.Field(sgqlc.types.non_null(ID), graphql_name='id')
    name = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='name')


class SystemStatus(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('status', 'app_schema')
    status = sgqlc.types.Field(sgqlc.types.non_null(SystemStatusEnum), graphql_name='status')
    app_schema = sgqlc.types.Field(sgqlc.types.non_null(Int), graphql_name='appSchema')


class Tag(sgqlc.types.Type):
    __schema__ = schema
    __field_names__ = ('id', 'name')
    id = sgqlc.types.Field(sgqlc.types.non_null(ID), graphql_name='id')
    name = sgqlc.types.Field(sgqlc.types.non_null(String), graphql_name='name')


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

