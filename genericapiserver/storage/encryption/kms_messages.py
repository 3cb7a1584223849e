"""The messages of key management services, and the one that is stored.

Names and numbers are those of k8s.io/kms/apis/v2/api.proto and of k8s.io/apiserver
pkg/storage/value/encrypt/envelope/kmsv2/v2/api.proto.
"""

from typing import Final

from genericapiserver.storage.protobuf import message_classes

_MESSAGES: Final = {
    "StatusRequest": "",
    "StatusResponse": "version=1:string healthz=2:string key_id=3:string",
    "EncryptRequest": "plaintext=1:bytes uid=2:string",
    "EncryptResponse": "ciphertext=1:bytes key_id=2:string annotations=3:map",
    "DecryptRequest": "ciphertext=1:bytes uid=2:string key_id=3:string annotations=4:map",
    "DecryptResponse": "plaintext=1:bytes",
    "EncryptedObject": "encryptedData=1:bytes keyID=2:string encryptedDEKSource=3:bytes annotations=4:map "
    "encryptedDEKSourceType=5:int32",
}
_CLASSES: Final = message_classes("genericapiserver.kms", _MESSAGES)

StatusRequest = _CLASSES["StatusRequest"]
StatusResponse = _CLASSES["StatusResponse"]
EncryptRequest = _CLASSES["EncryptRequest"]
EncryptResponse = _CLASSES["EncryptResponse"]
DecryptRequest = _CLASSES["DecryptRequest"]
DecryptResponse = _CLASSES["DecryptResponse"]
EncryptedObject = _CLASSES["EncryptedObject"]
