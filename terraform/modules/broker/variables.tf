variable "name" {
  description = "What everything is called, such as onhand-dev."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Without a way out. One is used for one node; a cluster takes one in each of three zones."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "Whom it lets in."
  type        = string
}

variable "rabbitmq_version" {
  description = "3.13 at least: before it Amazon MQ has no quorum queues."
  type        = string
}

variable "instance" {
  description = "How large each node is."
  type        = string
}

variable "cluster" {
  description = "Three nodes instead of one."
  type        = bool
}
