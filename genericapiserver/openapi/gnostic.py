"""The messages that OpenAPI documents are in protobuf, for `openapi.protobuf`, which says how to read these tables.

Source: openapiv2/OpenAPIv2.proto and openapiv3/OpenAPIv3.proto in github.com/google/gnostic-models.
"""

from typing import Final

from genericapiserver.openapi.protobuf import ProtobufFormat

_LIMITS: Final = (
    "maximum:double exclusiveMaximum:bool minimum:double exclusiveMinimum:bool maxLength:int64 minLength:int64 pattern "
    "maxItems:int64 minItems:int64 uniqueItems:bool"
)
_PRIMITIVE: Final = (
    f"type format items:PrimitivesItems collectionFormat default:Any {_LIMITS} enum:*Any multipleOf:double"
)
_PARAMETER: Final = "required:bool in description name"
_OAUTH2: Final = "type flow scopes:Oauth2Scopes"
_OPERATIONS: Final = (
    "get:Operation put:Operation post:Operation delete:Operation options:Operation head:Operation patch:Operation"
)

V2: Final = ProtobufFormat(
    "v2",
    {
        "Document": "swagger info:Info host basePath schemes:*string consumes:*string produces:*string paths:Paths "
        "definitions:Definitions parameters:ParameterDefinitions responses:ResponseDefinitions "
        "security:*SecurityRequirement securityDefinitions:SecurityDefinitions tags:*Tag externalDocs:ExternalDocs x-",
        "Info": "title version description termsOfService contact:Contact license:License x-",
        "Contact": "name url email x-",
        "License": "name url x-",
        "Tag": "name description externalDocs:ExternalDocs x-",
        "ExternalDocs": "description url x-",
        # Paths
        "Paths": "x- {}:PathItem",
        "PathItem": f"$ref {_OPERATIONS} parameters:*ParametersItem x-",
        "Operation": "tags:*string summary description externalDocs:ExternalDocs operationId produces:*string "
        "consumes:*string parameters:*ParametersItem responses:Responses schemes:*string deprecated:bool "
        "security:*SecurityRequirement x-",
        "Responses": "{}:ResponseValue x-",
        "ResponseValue": "Response | $ref?JsonReference",
        "Response": "description schema:SchemaItem headers:Headers examples:Examples x-",
        "SchemaItem": "Schema | type=file?FileSchema",
        "Headers": "{}:Header",
        "Header": f"{_PRIMITIVE} description x-",
        "Examples": "{}:Any",
        # Parameters
        "ParametersItem": "Parameter | $ref?JsonReference",
        "Parameter": "in=body?BodyParameter | NonBodyParameter",
        "BodyParameter": "description name in required:bool schema:Schema x-",
        "NonBodyParameter": "in=header?HeaderParameterSubSchema | in=formData?FormDataParameterSubSchema | "
        "in=query?QueryParameterSubSchema | in=path?PathParameterSubSchema",
        "HeaderParameterSubSchema": f"{_PARAMETER} {_PRIMITIVE} x-",
        "FormDataParameterSubSchema": f"{_PARAMETER} allowEmptyValue:bool {_PRIMITIVE} x-",
        "QueryParameterSubSchema": f"{_PARAMETER} allowEmptyValue:bool {_PRIMITIVE} x-",
        "PathParameterSubSchema": f"{_PARAMETER} {_PRIMITIVE} x-",
        "PrimitivesItems": f"{_PRIMITIVE} x-",
        "JsonReference": "$ref description",
        # What paths refer to
        "Definitions": "{}:Schema",
        "ParameterDefinitions": "{}:Parameter",
        "ResponseDefinitions": "{}:Response",
        "Schema": f"$ref format title description default:Any multipleOf:double {_LIMITS} maxProperties:int64 "
        "minProperties:int64 required:*string enum:*Any additionalProperties:AdditionalPropertiesItem type:TypeItem "
        "items:ItemsItem allOf:*Schema properties:Properties discriminator readOnly:bool xml:Xml "
        "externalDocs:ExternalDocs example:Any x-",
        "FileSchema": "format title description default:Any required:*string type readOnly:bool "
        "externalDocs:ExternalDocs example:Any x-",
        "AdditionalPropertiesItem": "Schema | bool",
        "TypeItem": "=:*string",
        "ItemsItem": "=:*Schema",
        "Properties": "{}:Schema",
        "Xml": "name namespace prefix attribute:bool wrapped:bool x-",
        # Security
        "SecurityRequirement": "{}:StringArray",
        "StringArray": "=:*string",
        "SecurityDefinitions": "{}:SecurityDefinitionsItem",
        "SecurityDefinitionsItem": "type=basic?BasicAuthenticationSecurity | type=apiKey?ApiKeySecurity | "
        "flow=implicit?Oauth2ImplicitSecurity | flow=password?Oauth2PasswordSecurity | "
        "flow=application?Oauth2ApplicationSecurity | flow=accessCode?Oauth2AccessCodeSecurity",
        "BasicAuthenticationSecurity": "type description x-",
        "ApiKeySecurity": "type name in description x-",
        "Oauth2ImplicitSecurity": f"{_OAUTH2} authorizationUrl description x-",
        "Oauth2PasswordSecurity": f"{_OAUTH2} tokenUrl description x-",
        "Oauth2ApplicationSecurity": f"{_OAUTH2} tokenUrl description x-",
        "Oauth2AccessCodeSecurity": f"{_OAUTH2} authorizationUrl tokenUrl description x-",
        "Oauth2Scopes": "{}:string",
    },
)

V3: Final = ProtobufFormat(
    "v3",
    {
        "Document": "openapi info:Info servers:*Server paths:Paths components:Components security:*SecurityRequirement "
        "tags:*Tag externalDocs:ExternalDocs x-",
        "Info": "title description termsOfService contact:Contact license:License version x- summary",
        "Contact": "name url email x-",
        "License": "name url x-",
        "Server": "url description variables:ServerVariables x-",
        "ServerVariables": "{}:ServerVariable",
        "ServerVariable": "enum:*string default description x-",
        "Tag": "name description externalDocs:ExternalDocs x-",
        "ExternalDocs": "description url x-",
        # Paths
        "Paths": "{}:PathItem x-",
        "PathItem": f"$ref summary description {_OPERATIONS} trace:Operation servers:*Server "
        "parameters:*ParameterOrReference x-",
        "Operation": "tags:*string summary description externalDocs:ExternalDocs operationId "
        "parameters:*ParameterOrReference requestBody:RequestBodyOrReference responses:Responses "
        "callbacks:CallbacksOrReferences deprecated:bool security:*SecurityRequirement servers:*Server x-",
        "Responses": "default:ResponseOrReference {}:ResponseOrReference x-",
        "Callback": "{}:PathItem x-",
        "Reference": "$ref summary description",
        "ParameterOrReference": "Parameter | $ref?Reference",
        "Parameter": "name in description required:bool deprecated:bool allowEmptyValue:bool style explode:bool "
        "allowReserved:bool schema:SchemaOrReference example:Any examples:ExamplesOrReferences content:MediaTypes x-",
        "RequestBodyOrReference": "RequestBody | $ref?Reference",
        "RequestBody": "description content:MediaTypes required:bool x-",
        "ResponseOrReference": "Response | $ref?Reference",
        "Response": "description headers:HeadersOrReferences content:MediaTypes links:LinksOrReferences x-",
        "HeaderOrReference": "Header | $ref?Reference",
        "Header": "description required:bool deprecated:bool allowEmptyValue:bool style explode:bool allowReserved:bool "
        "schema:SchemaOrReference example:Any examples:ExamplesOrReferences content:MediaTypes x-",
        "LinkOrReference": "Link | $ref?Reference",
        "Link": "operationRef operationId parameters:AnyOrExpression requestBody:AnyOrExpression description "
        "server:Server x-",
        "AnyOrExpression": "Any | Expression",
        "Expression": "{}:Any",
        "MediaTypes": "{}:MediaType",
        "MediaType": "schema:SchemaOrReference example:Any examples:ExamplesOrReferences encoding:Encodings x-",
        "Encodings": "{}:Encoding",
        "Encoding": "contentType headers:HeadersOrReferences style explode:bool allowReserved:bool x-",
        "ExampleOrReference": "Example | $ref?Reference",
        "Example": "summary description value:Any externalValue x-",
        "CallbackOrReference": "Callback | $ref?Reference",
        # What paths refer to
        "Components": "schemas:SchemasOrReferences responses:ResponsesOrReferences parameters:ParametersOrReferences "
        "examples:ExamplesOrReferences requestBodies:RequestBodiesOrReferences headers:HeadersOrReferences "
        "securitySchemes:SecuritySchemesOrReferences links:LinksOrReferences callbacks:CallbacksOrReferences x-",
        "SchemasOrReferences": "{}:SchemaOrReference",
        "ResponsesOrReferences": "{}:ResponseOrReference",
        "ParametersOrReferences": "{}:ParameterOrReference",
        "ExamplesOrReferences": "{}:ExampleOrReference",
        "RequestBodiesOrReferences": "{}:RequestBodyOrReference",
        "HeadersOrReferences": "{}:HeaderOrReference",
        "LinksOrReferences": "{}:LinkOrReference",
        "CallbacksOrReferences": "{}:CallbackOrReference",
        "SchemaOrReference": "Schema | $ref?Reference",
        "Schema": "nullable:bool discriminator:Discriminator readOnly:bool writeOnly:bool xml:Xml "
        "externalDocs:ExternalDocs example:Any deprecated:bool title multipleOf:double "
        f"{_LIMITS} maxProperties:int64 minProperties:int64 required:*string enum:*Any type allOf:*SchemaOrReference "
        "oneOf:*SchemaOrReference anyOf:*SchemaOrReference not:Schema items:ItemsItem properties:Properties "
        "additionalProperties:AdditionalPropertiesItem default:DefaultType description format x-",
        "DefaultType": "double | bool | string | nothing",
        "AdditionalPropertiesItem": "SchemaOrReference | bool",
        "ItemsItem": "=:*SchemaOrReference",
        "Properties": "{}:SchemaOrReference",
        "Discriminator": "propertyName mapping:Strings x-",
        "Strings": "{}:string",
        "Xml": "name namespace prefix attribute:bool wrapped:bool x-",
        # Security
        "SecurityRequirement": "{}:StringArray",
        "StringArray": "=:*string",
        "SecuritySchemesOrReferences": "{}:SecuritySchemeOrReference",
        "SecuritySchemeOrReference": "SecurityScheme | $ref?Reference",
        "SecurityScheme": "type description name in scheme bearerFormat flows:OauthFlows openIdConnectUrl x-",
        "OauthFlows": "implicit:OauthFlow password:OauthFlow clientCredentials:OauthFlow authorizationCode:OauthFlow x-",
        "OauthFlow": "authorizationUrl tokenUrl refreshUrl scopes:Strings x-",
    },
)
