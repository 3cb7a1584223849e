"""The messages of etcd's API that are used here, made from tables when the module is loaded.

Names and numbers are etcd's (api/etcdserverpb/rpc.proto, api/mvccpb/kv.proto); fields that nobody here reads or writes are
left out, which the wire format allows, and enumerations are numbers. They live in a pool of their own, so that another
package that brings etcd's definitions is not in the way.
"""

from typing import Any, Final

from genericapiserver.storage.protobuf import message_classes

_PACKAGE: Final = "genericapiserver.etcd"
_MESSAGES: Final = {
    "ResponseHeader": "cluster_id=1:uint64 member_id=2:uint64 revision=3:int64",
    "KeyValue": "key=1:bytes create_revision=2:int64 mod_revision=3:int64 version=4:int64 value=5:bytes lease=6:int64",
    "Event": "type=1:int32 kv=2:KeyValue prev_kv=3:KeyValue",
    "RangeRequest": "key=1:bytes range_end=2:bytes limit=3:int64 revision=4:int64 serializable=7:bool keys_only=8:bool "
    "count_only=9:bool",
    "RangeResponse": "header=1:ResponseHeader kvs=2:*KeyValue more=3:bool count=4:int64",
    "PutRequest": "key=1:bytes value=2:bytes lease=3:int64 ignore_lease=6:bool",
    "PutResponse": "header=1:ResponseHeader",
    "DeleteRangeRequest": "key=1:bytes range_end=2:bytes",
    "DeleteRangeResponse": "header=1:ResponseHeader deleted=2:int64",
    # What etcd declares as one of several is several fields here, of which one is set.
    "RequestOp": "request_range=1:RangeRequest request_put=2:PutRequest request_delete_range=3:DeleteRangeRequest",
    "ResponseOp": "response_range=1:RangeResponse response_put=2:PutResponse response_delete_range=3:DeleteRangeResponse",
    "Compare": "result=1:int32 target=2:int32 key=3:bytes version=4:int64 mod_revision=6:int64",
    "TxnRequest": "compare=1:*Compare success=2:*RequestOp failure=3:*RequestOp",
    "TxnResponse": "header=1:ResponseHeader succeeded=2:bool responses=3:*ResponseOp",
    "CompactionRequest": "revision=1:int64",
    "CompactionResponse": "header=1:ResponseHeader",
    "WatchCreateRequest": "key=1:bytes range_end=2:bytes start_revision=3:int64 progress_notify=4:bool prev_kv=6:bool",
    "WatchProgressRequest": "",
    "WatchRequest": "create_request=1:WatchCreateRequest progress_request=3:WatchProgressRequest",
    "WatchResponse": "header=1:ResponseHeader watch_id=2:int64 created=3:bool canceled=4:bool compact_revision=5:int64 "
    "cancel_reason=6:string events=11:*Event",
    "LeaseGrantRequest": "TTL=1:int64",
    "LeaseGrantResponse": "header=1:ResponseHeader ID=2:int64 TTL=3:int64",
    "StatusRequest": "",
    "StatusResponse": "header=1:ResponseHeader version=2:string dbSize=3:int64 leader=4:uint64 errors=8:*string",
}
EQUAL: Final = 0
VERSION: Final = 0
MOD: Final = 2
DELETE: Final = 1


_CLASSES: Final = message_classes(_PACKAGE, _MESSAGES)


def _message(name: str) -> Any:
    return _CLASSES[name]


Compare = _message("Compare")
CompactionRequest = _message("CompactionRequest")
CompactionResponse = _message("CompactionResponse")
DeleteRangeRequest = _message("DeleteRangeRequest")
LeaseGrantRequest = _message("LeaseGrantRequest")
LeaseGrantResponse = _message("LeaseGrantResponse")
PutRequest = _message("PutRequest")
RangeRequest = _message("RangeRequest")
RangeResponse = _message("RangeResponse")
RequestOp = _message("RequestOp")
StatusRequest = _message("StatusRequest")
StatusResponse = _message("StatusResponse")
TxnRequest = _message("TxnRequest")
TxnResponse = _message("TxnResponse")
WatchCreateRequest = _message("WatchCreateRequest")
WatchProgressRequest = _message("WatchProgressRequest")
WatchRequest = _message("WatchRequest")
WatchResponse = _message("WatchResponse")
