"""One module a verb. A handler takes an APIRequest and returns an APIResponse, or raises what the client is to be told."""
