// Weight files: round trips, strictness in both directions, the head, and Python's reader and
// writer (tools/safetensors_file.py).
#include "models/weights.h"

#include <cstdlib>

#include "core/ops.h"
#include "models/safetensors.h"
#include "tests/models/golden.h"
#include "tests/models/temp_file.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using testing::TempFolder;

const WeightInfo kInfo = {.model = "small_cnn",
                          .classes = 7,
                          .size = 32,
                          .mean = {{0.5f, 0.1f, 1.0f / 3}},
                          .std = {{0.25f, 1e-3f, 2.0f}}};

struct Fixture {
  Context context{testing::device_options(2)};
  TempFolder folder;

  std::unique_ptr<Model> filled() { return testing::reference_model("small_cnn", 7, context); }
  std::string saved() {
    save_weights(folder / "good", *filled(), kInfo);
    return folder / "good";
  }
  // The file of `saved` with one text of its header replaced by another, its data kept; the header
  // keeps its length where the texts' are equal.
  std::string edited(const std::string& from, const std::string& to) {
    saved();
    std::string bytes = folder.read("good");
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    std::string header = bytes.substr(8, length);
    REQUIRE(header.find(from) != std::string::npos);
    header.replace(header.find(from), from.size(), to);
    return folder.write("edited", testing::container(header, bytes.substr(8 + length)));
  }
  // Refused with `part` in the message, and the model is as it was.
  void check_refused(const std::string& path, const std::string& part, bool new_head = false,
                     int64_t classes = 7) {
    Model model({"small_cnn", classes}, context);
    model.initialize(1);
    const ModelState before = model.state();
    testing::check_error(ErrorKind::kData, path, part,
                         [&] { load_weights(path, model, {.new_head = new_head}); });
    testing::check_same_bits(model.parameters(), before.parameters);
    testing::check_same_bits(model.statistics(), before.statistics);
    CHECK(model.counters() == before.counters);
  }
};

TEST_CASE_FIXTURE(Fixture, "a round trip changes no bit, and the metadata comes back") {
  const auto model = filled();
  save_weights(folder / "w", *model, kInfo);
  CHECK(folder.files() == 1);
  Model other({"small_cnn", 7}, context);
  const WeightInfo info = load_weights(folder / "w", other);
  testing::check_same_bits(other.parameters(), model->parameters());
  testing::check_same_bits(other.statistics(), model->statistics());
  CHECK(other.counters() == std::vector<int64_t>{3, 3, 3});
  CHECK(info.model == kInfo.model);
  CHECK(info.classes == kInfo.classes);
  CHECK(info.size == kInfo.size);
  CHECK(info.mean == kInfo.mean);
  CHECK(info.std == kInfo.std);
  save_weights(folder / "again", other, info);
  CHECK(folder.read("again") == folder.read("w"));
}

TEST_CASE_FIXTURE(Fixture, "the file has torchvision's names, order, shapes and dtypes") {
  const SafeTensors file = SafeTensors::read(saved());
  CHECK(file.tensors().at("conv2.weight").shape == std::vector<int64_t>{32, 16, 3, 3});
  CHECK(file.tensors().at("bn1.num_batches_tracked").dtype == "I64");
  CHECK(file.tensors().at("bn1.num_batches_tracked").shape.empty());
  CHECK(file.metadata().at("format") == "pt");
  const std::string bytes = folder.read("good");
  size_t last = 0;
  const auto model = filled();
  for (const StateEntry& entry : model->entries()) {
    const size_t at = bytes.find("\"" + entry.name + "\"");
    CHECK(at != std::string::npos);
    CHECK(at > last);
    last = at;
  }
}

// Weight k, in, r, s of the file is weight [k, r, s, in] of the model.
TEST_CASE_FIXTURE(Fixture, "convolution weights are permuted") {
  const auto model = filled();
  const std::vector<float> torch = SafeTensors::read(saved()).floats("conv2.weight");
  for (const StateEntry& entry : model->entries()) {
    if (entry.name != "conv2.weight") continue;
    const std::vector<float> ours = model->parameters().window(entry.offset, entry.shape).to_host();
    for (size_t k = 0; k < 32; ++k)
      for (size_t in = 0; in < 16; ++in)
        for (size_t tap = 0; tap < 9; ++tap)
          REQUIRE(torch[(k * 16 + in) * 9 + tap] == ours[(k * 9 + tap) * 16 + in]);
  }
}

// All tensors of `path` but those whose name ends with `without`, written anew.
void copy_without(const std::string& path, const std::string& without, const std::string& to) {
  const SafeTensors file = SafeTensors::read(path);
  SafeTensorsWriter writer;
  for (const auto& [name, tensor] : file.tensors()) {
    if (name.ends_with(without)) continue;
    if (tensor.dtype == "I64") {
      writer.add(name, tensor.shape, std::span<const int64_t>(file.integers(name)));
    } else {
      writer.add(name, tensor.shape, std::span<const float>(file.floats(name)));
    }
  }
  writer.write(to);
}

TEST_CASE_FIXTURE(Fixture, "a file without counters and metadata is read, the counters are 0") {
  copy_without(saved(), "num_batches_tracked", folder / "bare");
  Model other({"small_cnn", 7}, context);
  other.initialize(1);
  const WeightInfo info = load_weights(folder / "bare", other);
  testing::check_same_bits(other.parameters(), filled()->parameters());
  CHECK(other.counters() == std::vector<int64_t>{0, 0, 0});
  CHECK(info.model.empty());
  CHECK(info.classes == 0);
  CHECK(info.size == 0);
  CHECK(!info.mean);
  CHECK(!info.std);
}

TEST_CASE_FIXTURE(Fixture, "strict in both directions") {
  const std::string good = saved();
  for (const std::string name : {"bn2.weight", "bn2.running_var", "fc.bias", "conv1.weight"}) {
    copy_without(good, name, folder / "part");
    check_refused(folder / "part", "'" + name + "' is missing");
  }
  check_refused(edited("\"conv1.weight\"", "\"conv9.weight\""), "'conv1.weight' is missing");
  check_refused(edited("\"bn1.num_batches_tracked\"", "\"bn1.num_batches_trackee\""),
                "'bn1.num_batches_trackee' is not one of a small_cnn");
  check_refused(edited("[16,3,3,3]", "[16,9,3,1]"), "'conv1.weight' is [16, 9, 3, 1]");
  check_refused(edited("[16,3,3,3]", "[432]"), "'conv1.weight' is [432]");
  check_refused(edited("\"shape\":[]", "\"shape\":[1]"), "num_batches_tracked' is [1]");
  check_refused(edited("\"F32\",\"shape\":[16]", "\"I32\",\"shape\":[16]"), "is I32, expected F32");
  check_refused(edited("\"I64\"", "\"F64\""), "is F64, expected I64");
  check_refused(testing::read_golden("small_cnn.safetensors").path(), "is missing");
  Model regnet({"regnet_y_800mf", 7}, context);
  testing::check_error(ErrorKind::kData, good, "small_cnn", [&] { load_weights(good, regnet); });
}

TEST_CASE_FIXTURE(Fixture, "a negative counter, truncation and trailing bytes") {
  std::string bytes = folder.read((saved(), "good"));
  check_refused(folder.write("short", bytes.substr(0, bytes.size() - 1)), "truncated");
  check_refused(folder.write("half", bytes.substr(0, bytes.size() / 2)), "truncated");
  check_refused(folder.write("long", bytes + '\0'), "after the last tensor");
  const SafeTensors file = SafeTensors::read(folder / "good");
  const size_t at = bytes.find(std::string("\3\0\0\0\0\0\0\0", 8));
  REQUIRE(at != std::string::npos);
  bytes[at + 7] = '\x80';
  check_refused(folder.write("negative", bytes), "negative");
}

TEST_CASE_FIXTURE(Fixture, "metadata that does not fit") {
  check_refused(edited(R"("model":"small_cnn")", R"("model":"resnet50")"), "resnet50");
  check_refused(edited(R"("classes":"7")", R"("classes":"8")"), "8 classes");
  check_refused(edited(R"("classes":"7")", R"("classes":"-7")"), "'classes'");
  check_refused(edited(R"("classes":"7")", R"("classes":"7x")"), "'classes'");
  check_refused(edited(R"("size":"32")", R"("size":"")"), "'size'");
  check_refused(edited(R"("size":"32")", R"("size":"99999999999999999999")"), "'size'");
  check_refused(edited(R"("mean":"0.5,0.1)", R"("mean":"nan,0.1)"), "'mean'");
  check_refused(edited(R"("mean":"0.5,0.1)", R"("mean":"0.5,0.1,0.1)"), "'mean'");
  check_refused(edited(R"("mean":"0.5,)", R"("mean":")"), "'mean'");
  check_refused(edited(R"("std":"0.25)", R"("std":"0)"), "'std'");
  check_refused(edited(R"("std":"0.25)", R"("std":"-1)"), "'std'");
  check_refused(edited(R"("size":"32")", R"("size":32)"), "__metadata__");
}

TEST_CASE_FIXTURE(Fixture, "another number of classes is refused unless a new head is asked for") {
  const std::string seven = saved();
  check_refused(seven, "--new-head", false, 10);
  Model ten({"small_cnn", 10}, context);
  ten.initialize(5);
  const std::vector<float> start = ten.parameters().to_host();
  load_weights(seven, ten, {.new_head = true});
  const std::vector<float> now = ten.parameters().to_host(),
                           source = filled()->parameters().to_host();
  const size_t head = 64 * 10 + 10, body = start.size() - head;
  CHECK(std::equal(now.begin(), now.begin() + static_cast<int64_t>(body), source.begin()));
  CHECK(std::equal(now.end() - static_cast<int64_t>(head), now.end(),
                   start.end() - static_cast<int64_t>(head)));
  // Nothing else may differ, and the file's head must agree with itself.
  check_refused(edited("[7,64]", "[64,7]"), "fc.weight", true);
  check_refused(edited("[16,3,3,3]", "[16,9,3,1]"), "conv1.weight", true, 10);
  check_refused(edited(R"("classes":"7")", R"("classes":"8")"), "8 classes", true, 10);
  // Where the sizes agree, the file's head is read.
  Model same({"small_cnn", 7}, context);
  load_weights(seven, same, {.new_head = true});
  testing::check_same_bits(same.parameters(), filled()->parameters());
}

// --- Python --------------------------------------------------------------------------------------

int python(const std::string& code) {
  const std::string tools = std::string(FEDCAMAE_SOURCE_DIR) + "/tools";
  return std::system(("PYTHONPATH=" + tools + " /usr/bin/python3 -B -c '" + code + "'").c_str());
}

TEST_CASE_FIXTURE(Fixture, "Python reads what is written here, and what it writes is read here") {
  const std::string path = saved();
  // The numbers by the formula of tools/reference_nets.py, without PyTorch: conv1 is stream 0.
  REQUIRE(python("import safetensors_file as s\n"
                 "t, m = s.read(\"" +
                 path +
                 "\")\n"
                 "assert m[\"model\"] == \"small_cnn\" and m[\"classes\"] == \"7\", m\n"
                 "assert [float(x) for x in m[\"std\"].split(\",\")] == [0.25, 0.001, 2.0], m\n"
                 "assert list(t)[0] == \"conv1.weight\" and list(t)[-1] == \"fc.bias\"\n"
                 "assert t[\"conv1.weight\"].shape == (16, 3, 3, 3)\n"
                 "assert t[\"bn1.num_batches_tracked\"] == 3\n"
                 "t[\"fc.bias\"] = t[\"fc.bias\"] + 1\n"
                 "t[\"bn1.num_batches_tracked\"] = t[\"bn1.num_batches_tracked\"] * 2\n"
                 "s.write(\"" +
                 path + ".py\", t, m)\n") == 0);
  Model other({"small_cnn", 7}, context);
  const WeightInfo info = load_weights(path + ".py", other);
  CHECK(info.mean == kInfo.mean);
  CHECK(other.counters() == std::vector<int64_t>{6, 3, 3});
  testing::Array<double> expected = testing::to_array(filled()->parameters());
  for (int64_t i = expected.size() - 7; i < expected.size(); ++i)
    expected[i] = static_cast<float>(expected[i]) + 1.0f;
  testing::check_equal(other.parameters(), expected);
}

}  // namespace
}  // namespace fedcamae
