variable "region" {
  description = "Where states and images are."
  type        = string
  default     = "eu-central-1"
}

variable "github_repository" {
  description = "Whose releases may push images: owner/name. None: only who may do so anyway."
  type        = string
  default     = null
}
