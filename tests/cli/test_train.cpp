// fedcamae train and eval, as child processes on tiny CIFAR-like files.
#include <doctest/doctest.h>

#include <filesystem>

#include "models/safetensors.h"
#include "tests/cli/support.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

using Words = std::vector<std::string>;

Words joined(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

struct Trainer {
  TemporaryFolder folder;
  Trainer() { write_cifar10(folder.file("data"), 200, 100); }
  std::string file(const std::string& name) const { return folder.file(name); }
  ProgramResult train(const std::string& out, const Words& more,
                      const std::string& data = "data") const {
    return run_fedcamae(joined({"train", "--model", "small_cnn", "--dataset", "cifar10",
                                "--data-dir", file(data), "--out", file(out)},
                               more));
  }
  // The losses that --json printed.
  std::vector<double> losses(const Words& more, const std::string& data = "data") const {
    const ProgramResult result =
        train("losses.safetensors", joined({"--classes", "10", "--json"}, more), data);
    CHECK(result.code == 0);
    std::vector<double> values;
    for (const std::string& line : lines_of(result.out)) values.push_back(parse_json(line)["loss"]);
    return values;
  }
};

const Words kPlain = {"--no-shuffle", "--no-augment", "--batch", "8"};

}  // namespace

TEST_CASE("train --json prints one line a step and nothing else") {
  const Trainer t;
  const ProgramResult result =
      t.train("w.safetensors", {"--classes", "10", "--steps", "5", "--batch", "16", "--json"});
  CHECK(result.code == 0);
  check_plain(result);
  const Words lines = lines_of(result.out);
  REQUIRE(lines.size() == 5);
  for (size_t i = 0; i < 5; ++i) {
    const nlohmann::json line = parse_json(lines[i]);
    CHECK(line.size() == 3);
    CHECK(line["step"] == i + 1);
    CHECK(line["loss"].get<double>() > 0);
    CHECK(line["seconds"].get<double>() > 0);
  }
  CHECK(contains(result.err, "step 5/5"));
}

TEST_CASE("epochs are passes over the training images") {
  const Trainer t;  // 200 images: three batches of 64 and one of 8
  CHECK(t.losses({"--epochs", "2"}).size() == 8);
  check_refusal(t.train("w", {"--classes", "10"}), 2, "--steps or --epochs");
  check_refusal(t.train("w", {"--classes", "10", "--steps", "1", "--epochs", "1"}), 2, "--steps");
}

TEST_CASE("--no-shuffle takes the records in the order of the file") {
  const Trainer t;
  write_cifar10_changed(t.file("changed"), 200, 24);
  CHECK(t.train("w.safetensors", {"--classes", "10", "--steps", "0"}).code == 0);
  const Words from = joined(kPlain, {"--weights", t.file("w.safetensors"), "--mean", "0,0,0",
                                     "--std", "1,1,1", "--steps", "4"});
  const std::vector<double> here = t.losses(from), there = t.losses(from, "changed");
  REQUIRE(here.size() == 4);
  for (size_t step : {0, 1, 2}) CHECK(here[step] == there[step]);  // 3 x 8 equal records
  CHECK(here[3] != there[3]);
  // No random number is left in it.
  CHECK(t.losses(joined(from, {"--seed", "5"})) == here);
  const Words shuffled = {"--no-augment",          "--batch", "8", "--weights",
                          t.file("w.safetensors"), "--steps", "4", "--seed"};
  CHECK(t.losses(joined(shuffled, {"5"})) != t.losses(joined(shuffled, {"6"})));
}

TEST_CASE("the same seed gives the same bits for any number of threads") {
  const Trainer t;
  auto bits = [&](const std::string& threads, const std::string& seed,
                  const std::string& precision = "f32") {
    const std::string out = "t" + threads + "s" + seed + precision;
    CHECK(t.train(out, {"--classes", "10", "--steps", "6", "--batch", "32", "--threads", threads,
                        "--seed", seed, "--precision", precision})
              .code == 0);
    return read_text(t.file(out));
  };
  const std::string narrow = bits("1", "3", "bf16");
  CHECK(bits("3", "3", "bf16") == narrow);
  const std::string one = bits("1", "3");
  CHECK(narrow != one);
  CHECK(one.size() > 24346 * sizeof(float));
  CHECK(bits("2", "3") == one);
  CHECK(bits("1", "4") != one);
}

TEST_CASE("--steps 0 writes the initial weights, with mean and std where the data are") {
  const Trainer t;
  const ProgramResult result =
      t.train("w.safetensors", {"--classes", "10", "--steps", "0", "--json"});
  CHECK(result.code == 0);
  CHECK(result.out.empty());
  const SafeTensors file = SafeTensors::read(t.file("w.safetensors"));
  CHECK(file.metadata().at("model") == "small_cnn");
  CHECK(file.metadata().at("classes") == "10");
  CHECK(file.metadata().at("size") == "32");
  CHECK(file.metadata().count("mean") == 1);
  CHECK(file.metadata().count("std") == 1);
  CHECK(file.integers("bn1.num_batches_tracked") == std::vector<int64_t>{0});
  for (float value : file.floats("bn1.weight")) CHECK(value == 1.0f);
  const ProgramResult bare =
      run_fedcamae({"train", "--model", "small_cnn", "--classes", "100", "--dataset", "cifar100",
                    "--data-dir", t.file("data"), "--steps", "0", "--out", t.file("bare")});
  CHECK(bare.code == 0);
  CHECK(SafeTensors::read(t.file("bare")).metadata().count("mean") == 0);
}

TEST_CASE("a head may be larger than the data set's classes, not smaller, nor another than asked") {
  const Trainer t;
  check_refusal(t.train("w", {"--classes", "9", "--steps", "0"}), 2, "--classes 9");
  CHECK_FALSE(std::filesystem::exists(t.file("w")));
  CHECK(t.train("w", {"--classes", "12", "--steps", "2"}).code == 0);
  const Words other = {"--classes", "10", "--steps", "1", "--weights", t.file("w")};
  check_refusal(t.train("v", other), 3, "--new-head");
  CHECK_FALSE(std::filesystem::exists(t.file("v")));
  CHECK(t.train("v", joined(other, {"--new-head", "--lr", "0"})).code == 0);
  const SafeTensors before = SafeTensors::read(t.file("w")), after = SafeTensors::read(t.file("v"));
  CHECK(after.floats("conv2.weight") == before.floats("conv2.weight"));
  CHECK(before.floats("fc.bias").size() == 12);
  CHECK(after.floats("fc.bias").size() == 10);
}

TEST_CASE("wrong flags, data and weights have their exit codes, and leave no file") {
  const Trainer t;
  const Words one = {"--classes", "10", "--steps", "1"};
  check_refusal(t.train("w", joined(one, {"--optimizer", "adm"})), 2, "did you mean 'adam'?");
  check_refusal(t.train("w", joined(one, {"--lr", "-1"})), 2, "--lr");
  check_refusal(t.train("w", joined(one, {"--momentum", "0.9"})), 2, "--optimizer sgd");
  check_refusal(t.train("w", joined(one, {"--precision", "f16"})), 2, "not f32, tf32 or bf16");
  check_refusal(t.train("w", joined(one, {"--device", "cpu", "--precision", "tf32"})), 2,
                "tf32 is a GPU's");
  check_refusal(t.train("w", joined(one, {"--mean", "1,2"})), 2, "--mean");
  check_refusal(t.train("w", joined(one, {"--seed", "-1"})), 2, "--seed");
  check_refusal(t.train("w", one, "nowhere"), 3, "nowhere");
  write_file(t.file("bad"), "not weights");
  check_refusal(t.train("w", joined(one, {"--weights", t.file("bad")})), 3, t.file("bad"));
  write_file(t.file("data/data_batch_1.bin"), "short");
  check_refusal(t.train("w", one), 3, "data_batch_1.bin");
  CHECK_FALSE(std::filesystem::exists(t.file("w")));
}

TEST_CASE("a training that diverges leaves with 5 and writes nothing") {
  const Trainer t;
  const ProgramResult result = t.train(
      "w", {"--classes", "10", "--steps", "9", "--optimizer", "sgd", "--weight-decay", "1e30"});
  CHECK(result.code == 5);
  CHECK(contains(result.err, "not finite"));
  CHECK_FALSE(std::filesystem::exists(t.file("w")));
}

TEST_CASE("an interrupted training writes the weights of its last step and leaves with 130") {
  const Trainer t;
  const ProgramResult result =
      run_fedcamae({"train", "--model", "small_cnn", "--classes", "10", "--dataset", "cifar10",
                    "--data-dir", t.file("data"), "--steps", "1000000", "--out", t.file("w")},
                   {}, SIGINT, [](const std::string& err) { return contains(err, "step 1/"); });
  CHECK(result.code == 130);
  CHECK(contains(result.err, "interrupted after step"));
  CHECK(SafeTensors::read(t.file("w")).integers("bn1.num_batches_tracked")[0] >= 1);
}

TEST_CASE("eval counts per class, and training makes it better") {
  const Trainer t;
  CHECK(t.train("w", {"--classes", "10", "--steps", "0"}).code == 0);
  CHECK(t.train("v", {"--classes", "10", "--steps", "60", "--lr", "0.01", "--no-augment"}).code ==
        0);
  auto eval = [&](const std::string& weights, const Words& environment, const Words& more) {
    const ProgramResult result =
        run_fedcamae(joined({"eval", "--model", "small_cnn", "--classes", "10", "--weights",
                             t.file(weights), "--dataset", "cifar10", "--json"},
                            more),
                     environment);
    CHECK(result.code == 0);
    CHECK(result.err.empty());
    return parse_json(result.out);
  };
  const nlohmann::json before = eval("w", {}, {"--data-dir", t.file("data")});
  const nlohmann::json after = eval("v", {"FEDCAMAE_DATA_DIR=" + t.file("data")}, {});
  int64_t count = 0, correct = 0;
  for (const auto& row : after["per_class"]) {
    CHECK(row["count"] == 10);
    CHECK(row["accuracy"].get<double>() == row["correct"].get<double>() / 10);
    count += row["count"].get<int64_t>();
    correct += row["correct"].get<int64_t>();
  }
  CHECK(count == 100);
  CHECK(after["accuracy"].get<double>() == static_cast<double>(correct) / 100);
  CHECK(after["accuracy"].get<double>() > 0.8);  // colour tells the class
  CHECK(after["loss"].get<double>() < before["loss"].get<double>());
  std::filesystem::remove(t.file("data/test_batch.bin"));
  check_refusal(run_fedcamae({"eval", "--model", "small_cnn", "--classes", "10", "--weights",
                              t.file("v"), "--dataset", "cifar10", "--data-dir", t.file("data")}),
                3, "test");
}
