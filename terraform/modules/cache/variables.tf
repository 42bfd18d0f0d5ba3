variable "name" {
  description = "What everything is called, such as onhand-dev."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Without a way out."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "Whom it lets in."
  type        = string
}

variable "node_type" {
  description = "How large each node is."
  type        = string
}

variable "nodes" {
  description = "1, or more, of which one takes over from another."
  type        = number
}

variable "key_arn" {
  description = "The KMS key of everything at rest."
  type        = string
}
