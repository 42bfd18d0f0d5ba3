# RDS for PostgreSQL: the databases of all services on one server, which may have a standby and a copy to read from.
# Roles and databases in it are made by the Job `databases`, see k8s/base.

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-database-"
  description = "PostgreSQL, for the cluster's pods"
  vpc_id      = var.vpc_id
  lifecycle { create_before_destroy = true }
}

resource "aws_vpc_security_group_ingress_rule" "pods" {
  security_group_id            = aws_security_group.this.id
  description                  = "pods"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-"
  family      = "postgres${var.postgres_version}"
  description = "What differs from RDS's defaults"
  lifecycle { create_before_destroy = true }

  # Nobody comes in without TLS.
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  dynamic "parameter" {
    for_each = {
      # Nor with a password that is kept as MD5.
      "rds.accepted_password_auth_method" = "scram"
      "password_encryption"               = "scram-sha-256"
      # For sessions by hand. Services set their own, which are shorter, and migrations none.
      "statement_timeout"                   = "300000"
      "idle_in_transaction_session_timeout" = "60000"
      # What is worth a look later. Passwords are in no statement.
      "log_min_duration_statement" = "1000"
      "log_lock_waits"             = "1"
      "log_statement"              = "ddl"
      # A long read on the copy is not cut off because of what was cleaned up on the original.
      "hot_standby_feedback" = "1"
    }
    content {
      name         = parameter.key
      value        = parameter.value
      apply_method = "immediate"
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = toset(concat([var.name], var.replica ? ["${var.name}-reader"] : []))
  name              = "/aws/rds/instance/${each.value}/postgresql"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157:a standby costs as much again, and var.standby is on in prod
  #checkov:skip=CKV_AWS_161:services have passwords of their own, over TLS alone; nobody would use IAM's
  #checkov:skip=CKV_AWS_293:var.protected is on in prod, and dev has to be destroyable
  identifier     = var.name
  engine         = "postgres"
  engine_version = var.postgres_version
  instance_class = var.instance

  storage_type          = "gp3"
  allocated_storage     = var.storage_gb.min
  max_allocated_storage = var.storage_gb.max
  storage_encrypted     = true
  kms_key_id            = var.key_arn

  username = "administrator"
  # What the vault says; in no state. RDS would make and change one by itself, but then it makes no copies.
  password_wo         = var.administrator_password
  password_wo_version = var.password_version

  multi_az               = var.standby
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  publicly_accessible    = false
  ca_cert_identifier     = "rds-ca-rsa2048-g1"
  parameter_group_name   = aws_db_parameter_group.this.name

  # Any moment of these days can be restored. When few are awake: UTC.
  backup_retention_period     = var.backup_days
  backup_window               = "01:00-02:00"
  maintenance_window          = "tue:02:30-tue:03:30"
  auto_minor_version_upgrade  = true
  allow_major_version_upgrade = false
  copy_tags_to_snapshot       = true
  deletion_protection         = var.protected
  skip_final_snapshot         = !var.protected
  final_snapshot_identifier   = var.protected ? "${var.name}-final" : null
  delete_automated_backups    = !var.protected

  enabled_cloudwatch_logs_exports = ["postgresql"]
  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.key_arn
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn

  depends_on = [aws_cloudwatch_log_group.this]
}

# Behind by milliseconds, as a rule: stock-checker reads from it, and asks the original when it must.
resource "aws_db_instance" "reader" {
  #checkov:skip=CKV_AWS_157:a copy has no standby; without it stock-checker is not ready, and it is made again
  #checkov:skip=CKV_AWS_161:services have passwords of their own, over TLS alone
  #checkov:skip=CKV_AWS_293:it holds nothing that the original does not
  count               = var.replica ? 1 : 0
  identifier          = "${var.name}-reader"
  replicate_source_db = aws_db_instance.this.identifier
  instance_class      = var.instance

  storage_type          = "gp3"
  max_allocated_storage = var.storage_gb.max
  # With the original's key: a copy in the same region may name none.
  storage_encrypted = true

  vpc_security_group_ids     = [aws_security_group.this.id]
  publicly_accessible        = false
  ca_cert_identifier         = "rds-ca-rsa2048-g1"
  parameter_group_name       = aws_db_parameter_group.this.name
  maintenance_window         = "wed:02:30-wed:03:30"
  auto_minor_version_upgrade = true
  copy_tags_to_snapshot      = true
  skip_final_snapshot        = true

  enabled_cloudwatch_logs_exports = ["postgresql"]
  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.key_arn
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn

  depends_on = [aws_cloudwatch_log_group.this]
}

data "aws_iam_policy_document" "monitoring_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "monitoring" {
  name               = "${var.name}-database-monitoring"
  assume_role_policy = data.aws_iam_policy_document.monitoring_trust.json
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
