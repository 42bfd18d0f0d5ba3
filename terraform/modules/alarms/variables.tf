variable "name" {
  description = "What everything is called, such as onhand-dev."
  type        = string
}

variable "environment" {
  description = "The tag that costs are told by."
  type        = string
}

variable "emails" {
  description = "Who is told. Each has to confirm it once."
  type        = list(string)
}

variable "database_ids" {
  description = "The original first, then its copies."
  type        = list(string)
}

variable "max_connections" {
  description = "Connections to a database that are more than usual, and less than it has."
  type        = number
}

variable "cache_ids" {
  description = "The cache's nodes."
  type        = list(string)
}

variable "broker" {
  description = "The broker's name."
  type        = string
}

variable "broker_memory_limit_bytes" {
  description = "Memory in use that is close to RabbitMQ's limit, which is two fifths of what the node has."
  type        = number
}

variable "monthly_dollars" {
  description = "What a month may cost before somebody is told."
  type        = string
}

variable "key_arn" {
  description = "The KMS key of the topic; CloudWatch may use it."
  type        = string
}
