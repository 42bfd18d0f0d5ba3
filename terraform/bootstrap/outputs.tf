output "backend" {
  description = "terraform/backend.hcl: where environments keep their states."
  value       = <<-HCL
    bucket     = "${aws_s3_bucket.states.bucket}"
    region     = "${var.region}"
    kms_key_id = "${aws_kms_key.this.arn}"
  HCL
}

output "registry" {
  description = "What comes before an image's name."
  value       = module.registry.host
}

output "push_role_arn" {
  description = "The role of releases at GitHub."
  value       = one(module.ci[*].role_arn)
}
