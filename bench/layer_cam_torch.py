#!/usr/bin/python3
"""The rival of bench_layer_cam: an update's LayerCAM in PyTorch's autograd, the same protocol.

The arithmetic is pytorch-grad-cam's, without its hooks, copies to the host and OpenCV: maps stay on
the device, as ours do. Gradients are asked for at the target layer alone.
"""
import torch

import torch_rival

LAYERS = {"resnet50": "layer4", "regnet_y_800mf": "trunk_output"}


def scale(maps):
    flat = maps.flatten(1)
    flat = flat - flat.amin(1, keepdim=True)
    return (flat / (1e-7 + flat.amax(1, keepdim=True))).view_as(maps)


def layer_cam(model, layer, images, classes):
    """[N, H, W] in [0, 1]: pytorch-grad-cam's LayerCAM, scaled to the images' size."""
    kept = []
    hook = layer.register_forward_hook(
        lambda module, inputs, output: kept.append(output.detach().requires_grad_()) or kept[0])
    with torch.enable_grad():
        logits = model(images)
        hook.remove()
        score = logits.gather(1, classes[:, None]).sum()
        gradient, = torch.autograd.grad(score, kept)
    maps = torch.relu((torch.relu(gradient) * kept[0].detach()).sum(1).float())
    maps = torch.nn.functional.interpolate(scale(maps)[:, None], size=images.shape[2:],
                                           mode="bilinear", align_corners=False)
    return scale(maps[:, 0])


class Explainer:
    def __init__(self, args, machine):
        self.machine = machine
        self.model = machine.model(args.model, args.classes).eval().requires_grad_(False)
        self.layer = self.model.get_submodule(args.layer or LAYERS[args.model])
        self.updates = [
            {name: value.clone() for name, value in self.model.state_dict().items()}
            for _ in range(args.updates)]
        self.images = machine.images(args.batch, args.size)
        self.classes = torch.arange(args.batch, device=machine.device) % args.classes

    def explain(self):
        for update in self.updates:
            self.model.load_state_dict(update)
            with self.machine.cast():
                layer_cam(self.model, self.layer, self.images, self.classes)

    def step(self):
        seconds, _ = self.machine.timed(self.explain)
        return {"seconds": seconds / len(self.updates), **self.machine.memory()}


def main():
    flags = torch_rival.loop_flags(torch_rival.parser(__doc__), batch=8)
    flags.set_defaults(size=224)
    flags.add_argument("--layer", default="")
    flags.add_argument("--updates", type=int, default=1,
                       help="explained one after the other; the time is of one")
    args = flags.parse_args()
    machine = torch_rival.Machine(args)
    what = f"LayerCAM {args.model} b{args.batch} {args.size}x{args.size}, {machine.describe()}"
    torch_rival.repeat(args, Explainer(args, machine).step, what, args.batch)


if __name__ == "__main__":
    main()
