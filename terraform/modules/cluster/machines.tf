# The machines that pods run on.

resource "aws_launch_template" "this" {
  name_prefix = "${var.name}-"

  metadata_options {
    # Version 2 alone, and not from within a pod: pods get their rights by Pod Identity.
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size           = 30
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }
  tag_specifications {
    resource_type = "instance"
    tags          = { Name = var.name }
  }
}

resource "aws_eks_node_group" "this" {
  cluster_name           = aws_eks_cluster.this.name
  node_group_name_prefix = "${var.name}-"
  node_role_arn          = aws_iam_role.machine.arn
  subnet_ids             = var.subnet_ids
  ami_type               = "AL2023_x86_64_STANDARD"
  instance_types         = var.machine_types

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }
  scaling_config {
    min_size     = var.machines.min
    max_size     = var.machines.max
    desired_size = var.machines.min
  }
  update_config { max_unavailable = 1 }

  lifecycle {
    create_before_destroy = true
    # The cluster autoscaler's.
    ignore_changes = [scaling_config[0].desired_size]
  }
  depends_on = [aws_eks_addon.first, aws_iam_role_policy_attachment.machine]
}
