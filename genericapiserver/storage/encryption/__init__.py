"""Encryption at rest: what an EncryptionConfiguration says, as transformers of stored bytes.

Source: k8s.io/apiserver pkg/storage/value and pkg/server/options/encryptionconfig.
"""
