variable "repository" {
  description = "Whose workflows may push: owner/name at GitHub."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "owner/name, without a wildcard."
  }
}

variable "repository_arns" {
  description = "Where to."
  type        = list(string)
}
