variable "name" {
  description = "What everything is called, such as onhand-dev."
  type        = string
}

variable "region" {
  description = "Where it is."
  type        = string
}

variable "range" {
  description = "The VPC's addresses, a /16. Another one in each environment, so that they can be peered."
  type        = string
  validation {
    condition     = endswith(var.range, "/16")
    error_message = "Subnets are cut out of a /16."
  }
}

variable "zones" {
  description = "Over which availability zones, by their letters: two, which EKS and RDS ask for, or three."
  type        = list(string)
  validation {
    condition     = contains([2, 3], length(distinct(var.zones)))
    error_message = "Two or three."
  }
}

variable "nat_in_each_zone" {
  description = "Whether a zone that is lost leaves the others their way to the Internet."
  type        = bool
}

variable "log_days" {
  description = "How long flow logs are kept."
  type        = number
}

variable "key_arn" {
  description = "The KMS key that logs are encrypted with."
  type        = string
}
