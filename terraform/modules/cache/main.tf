# ElastiCache for Redis: a cache. It may lose everything, and no backup is made of it.

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-cache-"
  description = "Redis, for the cluster's pods"
  vpc_id      = var.vpc_id
  lifecycle { create_before_destroy = true }
}

resource "aws_vpc_security_group_ingress_rule" "pods" {
  security_group_id            = aws_security_group.this.id
  description                  = "pods"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

# ElastiCache wants to be told a password, and so it is in the state. It is made once, and anew by
#   terraform apply -replace=module.onhand.module.cache.terraform_data.password
# whereupon the cache takes the old and the new one.
data "aws_secretsmanager_random_password" "new" {
  password_length     = 48
  exclude_punctuation = true
}

resource "terraform_data" "password" {
  input = data.aws_secretsmanager_random_password.new.random_password
  lifecycle { ignore_changes = [input] }
}

resource "aws_elasticache_parameter_group" "this" {
  name        = var.name
  family      = "redis7"
  description = "What differs from the defaults"
  # Counts by product id have no end of their own and must stay; what is merely cached goes first.
  parameter {
    name  = "maxmemory-policy"
    value = "volatile-lru"
  }
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV_AWS_134:what it holds is in the database, and comes back by being asked for
  #checkov:skip=CKV2_AWS_50:dev has one node, and needs no second
  replication_group_id = var.name
  description          = "Onhand's cache"
  engine               = "redis"
  engine_version       = "7.1"
  node_type            = var.node_type
  parameter_group_name = aws_elasticache_parameter_group.this.name

  num_cache_clusters         = var.nodes
  automatic_failover_enabled = var.nodes > 1
  multi_az_enabled           = var.nodes > 1
  snapshot_retention_limit   = 0

  port               = 6379
  subnet_group_name  = aws_elasticache_subnet_group.this.name
  security_group_ids = [aws_security_group.this.id]

  at_rest_encryption_enabled = true
  kms_key_id                 = var.key_arn
  transit_encryption_enabled = true
  auth_token                 = terraform_data.password.output
  auth_token_update_strategy = "ROTATE"

  maintenance_window         = "thu:02:30-thu:03:30"
  auto_minor_version_upgrade = true
  apply_immediately          = true
}
