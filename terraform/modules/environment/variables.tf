variable "environment" {
  description = "dev, staging or prod, as the overlay in k8s/overlays."
  type        = string
}

variable "range" {
  description = "The VPC's addresses, a /16."
  type        = string
}

variable "zones" {
  description = "Over which availability zones, by their letters."
  type        = list(string)
}

variable "nat_in_each_zone" {
  description = "Whether a lost zone leaves the others their way to the Internet."
  type        = bool
}

variable "kubernetes_version" {
  description = "EKS moves one minor version at a time, and supports each for 14 months."
  type        = string
  default     = "1.36"
}

variable "admin_arns" {
  description = "Roles that may do everything in Kubernetes."
  type        = list(string)
}

variable "admin_ranges" {
  description = "From where Kubernetes may be spoken to over the Internet."
  type        = list(string)
  validation {
    condition     = !contains(var.admin_ranges, "0.0.0.0/0")
    error_message = "Not from everywhere: name your own addresses."
  }
}

variable "machine_types" {
  description = "What pods run on, all of the same size."
  type        = list(string)
}

variable "machines" {
  description = "How many at least and at most."
  type        = object({ min = number, max = number })
}

variable "postgres_version" {
  description = "The major version."
  type        = string
  default     = "17"
}

variable "database_instance" {
  description = "The instance class."
  type        = string
}

variable "database_storage_gb" {
  description = "To begin with, and up to what it grows."
  type        = object({ min = number, max = number })
}

variable "database_standby" {
  description = "Whether a second one takes over when the first is lost."
  type        = bool
}

variable "database_replica" {
  description = "Whether stock-checker reads from a copy."
  type        = bool
}

variable "max_connections" {
  description = "Connections to the database that are worth an alarm."
  type        = number
}

variable "backup_days" {
  description = "Of how many days every moment can be restored."
  type        = number
}

variable "cache_node_type" {
  description = "How large each node is."
  type        = string
}

variable "cache_nodes" {
  description = "How many."
  type        = number
}

variable "rabbitmq_version" {
  description = "As Amazon MQ offers them: 3.13, or a 4.x, which runs on mq.m7g alone."
  type        = string
}

variable "broker_instance" {
  description = "How large each node is."
  type        = string
}

variable "broker_cluster" {
  description = "Three nodes instead of one."
  type        = bool
}

variable "broker_memory_limit_bytes" {
  description = "Memory in use that is worth an alarm."
  type        = number
}

variable "password_version" {
  description = "One more makes new passwords for the services and the database's administrator; then run the Jobs: docs/OPERATIONS.md."
  type        = number
  default     = 1
}

variable "protected" {
  description = "Whether it refuses to be destroyed."
  type        = bool
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
}

variable "alarm_emails" {
  description = "Who is told."
  type        = list(string)
}

variable "monthly_dollars" {
  description = "What a month may cost before somebody is told."
  type        = string
}
