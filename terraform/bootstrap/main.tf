# What an account needs once, before any environment: where states are kept, images, and who may push them.
#
# Its own state begins on the machine that runs it first, and then moves into the bucket: docs/OPERATIONS.md.

data "aws_caller_identity" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  bucket  = "onhand-states-${local.account}-${var.region}"
}

# States know what must not be known (the cache's password, the broker's first one), and losing one is laborious.
resource "aws_kms_key" "this" {
  description             = "Onhand's states and images"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/onhand-bootstrap"
  target_key_id = aws_kms_key.this.key_id
}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:a key's policy speaks of this key alone, and the account's own has to keep a hand on it
  #checkov:skip=CKV_AWS_111:a key's policy speaks of this key alone
  #checkov:skip=CKV_AWS_356:a key's policy speaks of this key alone
  statement {
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${local.account}:root"]
    }
  }
}

resource "aws_s3_bucket" "states" {
  #checkov:skip=CKV_AWS_144:a lost region has no infrastructure left that a state could speak of
  #checkov:skip=CKV_AWS_18:who read it is in CloudTrail, if the account keeps data events; a bucket for logs of a bucket is not worth its own
  #checkov:skip=CKV2_AWS_62:nobody is to be told of a new state
  bucket = local.bucket
  lifecycle { prevent_destroy = true }
}

resource "aws_s3_bucket_versioning" "states" {
  bucket = aws_s3_bucket.states.id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "states" {
  bucket = aws_s3_bucket.states.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "states" {
  bucket                  = aws_s3_bucket.states.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "states" {
  bucket = aws_s3_bucket.states.id
  rule {
    id     = "old-states"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration { noncurrent_days = 365 }
    abort_incomplete_multipart_upload { days_after_initiation = 1 }
  }
  depends_on = [aws_s3_bucket_versioning.states]
}

data "aws_iam_policy_document" "states" {
  statement {
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.states.arn, "${aws_s3_bucket.states.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "states" {
  bucket = aws_s3_bucket.states.id
  policy = data.aws_iam_policy_document.states.json
}

module "registry" {
  source  = "../modules/registry"
  images  = ["onhand", "stock-updater", "stock-checker", "supplier-sync"]
  key_arn = aws_kms_key.this.arn
}

module "ci" {
  count           = var.github_repository == null ? 0 : 1
  source          = "../modules/ci"
  repository      = var.github_repository
  repository_arns = module.registry.arns
}
