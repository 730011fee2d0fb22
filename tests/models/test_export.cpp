// tools/export_weights.py writes what the loader takes, number by number.
#include <cstdlib>

#include "autograd/var.h"
#include "models/safetensors.h"
#include "models/weights.h"
#include "tests/models/golden.h"
#include "tests/models/temp_file.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using testing::TempFolder;

int run(const std::string& arguments) {
  const std::string tool = std::string(FEDCAMAE_SOURCE_DIR) + "/tools/export_weights.py";
  return std::system(("/usr/bin/python3 -B " + tool + " " + arguments + " >/dev/null").c_str());
}
int python(const std::string& code) {
  const std::string tools = std::string(FEDCAMAE_SOURCE_DIR) + "/tools";
  return std::system(("PYTHONPATH=" + tools + " /usr/bin/python3 -B -c '" + code + "'").c_str());
}

TEST_CASE("a .pth, plain, nested or of DataParallel, is exported as it is") {
  const TempFolder folder;
  // The weights of the formula that reference_model repeats.
  REQUIRE(
      python("import torch, reference_nets as n\n"
             "s = n.filled(\"regnet_y_800mf\", 7, torch.float32).state_dict()\n"
             "f = \"" +
             (folder / "") +
             "\"\n"
             "torch.save(s, f + \"plain.pth\")\n"
             "bare = {\"module.\" + k: v for k, v in s.items() if not k.endswith(\"tracked\")}\n"
             "torch.save({\"epoch\": 1, \"state_dict\": bare}, f + \"nested.pth\")\n"
             "torch.save({k: v for k, v in s.items() if k != \"fc.weight\"}, f + \"less.pth\")\n"
             "torch.save([1], f + \"list.pth\")\n") == 0);
  Context context(testing::device_options(1));
  const auto expected = testing::reference_model("regnet_y_800mf", 7, context);
  for (const std::string name : {"plain", "nested"}) {
    CAPTURE(name);
    const std::string out = folder / name + ".safetensors";
    REQUIRE(run(folder / name + ".pth " + out + " --arch regnet_y_800mf --size 32 --std 1,2,.5") ==
            0);
    Model model({"regnet_y_800mf", 7}, context);
    const WeightInfo info = load_weights(out, model);
    testing::check_same_bits(model.parameters(), expected->parameters());
    testing::check_same_bits(model.statistics(), expected->statistics());
    for (const int64_t count : model.counters()) CHECK(count == (name == "plain" ? 3 : 0));
    CHECK(info.model == "regnet_y_800mf");
    CHECK(info.classes == 7);
    CHECK(info.size == 32);
    CHECK(info.mean == std::array<float, 3>{0.485f, 0.456f, 0.406f});  // ImageNet's
    CHECK(info.std == std::array<float, 3>{1.0f, 2.0f, 0.5f});
  }
  for (const std::string bad : {"less.pth", "list.pth", "absent.pth"}) {
    CAPTURE(bad);
    CHECK(run(folder / bad + " " + (folder / "bad") + " --arch regnet_y_800mf 2>/dev/null") != 0);
    CHECK(!std::filesystem::exists(folder / "bad"));
  }
  CHECK(run(folder / "plain.pth " + (folder / "bad") + " --arch resnet50 2>/dev/null") != 0);
}

TEST_SUITE("slow") {
  TEST_CASE("--random writes torchvision's initial weights of both networks") {
    const TempFolder folder;
    Context context(testing::device_options(2));
    for (const std::string arch : {"resnet50", "regnet_y_800mf"}) {
      CAPTURE(arch);
      const std::string out = folder / arch;
      REQUIRE(run(fmt::format("--random {} --classes 10 --seed 3 --arch {}", out, arch)) == 0);
      Model model({arch, 10}, context);
      const WeightInfo info = load_weights(out, model);
      CHECK(info.classes == 10);
      CHECK(info.size == 224);
      // Our own draw has the same spread, tensor by tensor.
      Model own({arch, 10}, context);
      own.initialize(3);
      for (const StateEntry& entry : testing::entries_of(model, EntryKind::kParameter)) {
        CAPTURE(entry.name);
        const double theirs =
            testing::euclidean_norm(testing::entry_values(entry, model.parameters()));
        const double ours = testing::euclidean_norm(testing::entry_values(entry, own.parameters()));
        // A norm's relative standard error is at most 1 / sqrt(2 n); six of the difference's.
        const double allowed = 6 / std::sqrt(static_cast<double>(entry.shape.size()));
        CHECK(std::abs(ours - theirs) <= allowed * theirs);
      }
    }
  }
}

}  // namespace
}  // namespace fedcamae
