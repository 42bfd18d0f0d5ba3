variable "images" {
  description = "Their names, without what comes before the slash."
  type        = set(string)
}

variable "key_arn" {
  description = "The KMS key that they are encrypted with."
  type        = string
}
