// The container: what is written reads back, hostile headers are refused in one line.
#include "models/safetensors.h"

#include <limits>

#include "tests/models/temp_file.h"

namespace fedcamae {
namespace {

using testing::container;
using testing::TempFolder;

// `rule` must be in the message.
void check_refused(const std::string& bytes, const std::string& rule) {
  const TempFolder folder;
  const std::string path = folder.write("hostile.safetensors", bytes);
  testing::check_error(ErrorKind::kData, path, rule, [&] { SafeTensors::read(path); });
}
void check_header(const std::string& header, size_t data, const std::string& rule) {
  check_refused(container(header, std::string(data, '\0')), rule);
}
// One tensor "a" of these fields over eight bytes of data.
void check_entry(const std::string& fields, const std::string& rule) {
  check_header(R"({"a":{)" + fields + "}}", 8, rule);
}

TEST_CASE("what is written reads back, in order of adding and to the bit") {
  const TempFolder folder;
  const std::vector<float> values = {1.5f,
                                     -0.0f,
                                     std::numeric_limits<float>::quiet_NaN(),
                                     std::numeric_limits<float>::infinity(),
                                     1e-45f,
                                     -3e38f};
  const std::vector<int64_t> count = {(int64_t{1} << 53) + 1};
  SafeTensorsWriter writer;
  writer.metadata("text", "line\n\"quoted\" \\ \u00e9");
  writer.add("z", {2, 3}, std::span<const float>(values));
  writer.add("count", {}, std::span<const int64_t>(count));
  writer.add("none", {0, 4}, std::span<const float>());
  writer.write(folder / "f");
  CHECK(folder.files() == 1);  // no temporary file left

  const SafeTensors file = SafeTensors::read(folder / "f");
  CHECK(file.metadata().at("text") == "line\n\"quoted\" \\ \u00e9");
  CHECK(file.tensors().size() == 3);
  CHECK(file.tensors().at("z").shape == std::vector<int64_t>{2, 3});
  CHECK(file.tensors().at("count").shape.empty());
  const std::vector<float> read = file.floats("z");
  REQUIRE(read.size() == values.size());
  CHECK(std::memcmp(read.data(), values.data(), values.size() * sizeof(float)) == 0);
  CHECK(file.integers("count") == count);
  CHECK(file.floats("none").empty());

  const std::string bytes = folder.read("f");
  CHECK(bytes.find("\"z\"") < bytes.find("\"count\""));
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  CHECK(length % 8 == 0);  // the data is aligned for readers that map the file

  testing::check_error(ErrorKind::kData, folder / "f", "'missing'",
                       [&] { file.floats("missing"); });
  testing::check_error(ErrorKind::kData, folder / "f", "I64", [&] { file.floats("count"); });
  testing::check_error(ErrorKind::kData, folder / "f", "F32", [&] { file.integers("z"); });
}

TEST_CASE("a file in whatever order, with spaces and the least that the format asks, is read") {
  const TempFolder folder;
  const std::string path =
      folder.write("f", container(R"({"b":{"shape":[1],"data_offsets":[4,8],"dtype":"F32"} , )"
                                  R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}     )",
                                  std::string("\0\0\x80\x3f\0\0\0\x40", 8)));
  const SafeTensors file = SafeTensors::read(path);
  CHECK(file.floats("a") == std::vector<float>{1.0f});
  CHECK(file.floats("b") == std::vector<float>{2.0f});
  CHECK(file.metadata().empty());
  CHECK(SafeTensors::read(folder.write("empty", container("{}", ""))).tensors().empty());
}

TEST_CASE("files that are not there or no files") {
  const TempFolder folder;
  for (const std::string& path : {folder / "absent", folder / ""})
    testing::check_error(ErrorKind::kData, path, "file", [&] { SafeTensors::read(path); });
}

TEST_CASE("header lengths that lie") {
  check_refused("", "truncated");
  check_refused("1234567", "truncated");
  check_refused(std::string(8, '\0'), "'{'");
  check_refused(container("{}", "", 3), "truncated");
  check_refused(container("{}", "", 1 << 20), "truncated");
  for (const uint64_t length :
       {uint64_t{1} << 40, uint64_t{1} << 63, UINT64_MAX - 1, UINT64_MAX - 8})
    check_refused(container("{}", "", length), "header length");
  check_refused(container(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "1234", 30),
                "JSON");
}

TEST_CASE("headers that are not the JSON of the format") {
  check_header("", 0, "'{'");
  check_header("[]", 0, "'{'");
  check_header("  {}", 0, "'{'");  // the format: begins with the brace
  check_header("{", 0, "JSON");
  check_header("{}{}", 0, "JSON");
  check_header("{\"a\xff\":{}}", 0, "JSON");
  check_header(R"({"a":})", 0, "JSON");
  check_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],}})", 4, "JSON");
  check_header(R"({"a":1})", 0, "'a'");
  check_header(R"({"a":[]})", 0, "'a'");
  check_header(R"({"a":null})", 0, "'a'");
  check_header(R"({"a":{}})", 0, "dtype, shape and data_offsets");
  // Deep nesting must cost neither stack nor memory.
  constexpr size_t kDeep = size_t{8} << 20;
  check_header("{\"a\":" + std::string(kDeep, '['), 0, "nested");
  std::string objects = "{\"a\":";
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  check_header(objects, 0, "nested");
  check_entry(R"("dtype":"F32","shape":[[2]],"data_offsets":[0,8])", "nested");
}

TEST_CASE("keys that come twice") {
  const std::string a = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  check_header("{" + a + "," + a + "}", 4, "'a' twice");
  check_entry(R"("dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8])", "'dtype' twice");
  check_header(R"({"__metadata__":{"k":"1","k":"2"}})", 0, "'k' twice");
  check_header(R"({"__metadata__":{},"__metadata__":{}})", 0, "'__metadata__' twice");
}

TEST_CASE("metadata that is not text") {
  for (const char* metadata :
       {R"({"k":1})", R"({"k":null})", R"({"k":["v"]})", R"({"k":{}})", R"(["k"])", R"("k")", "1"})
    check_header(std::string(R"({"__metadata__":)") + metadata + "}", 0, "__metadata__");
}

TEST_CASE("entries with impossible fields") {
  check_entry(R"("dtype":"F32","shape":[2])", "dtype, shape and data_offsets");
  check_entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1)", "nothing else");
  check_entry(R"("dtype":"F33","shape":[2],"data_offsets":[0,8])", "F33");
  check_entry(R"("dtype":"f32","shape":[2],"data_offsets":[0,8])", "f32");
  check_entry(R"("dtype":4,"shape":[2],"data_offsets":[0,8])", "dtype 4");
  check_entry(R"("dtype":"F32","shape":2,"data_offsets":[0,8])", "shape");
  check_entry(R"("dtype":"F32","shape":["2"],"data_offsets":[0,8])", "shape");
  check_entry(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])", "shape");
  check_entry(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])", "shape");
  check_entry(R"("dtype":"F32","shape":[-1,-2],"data_offsets":[0,8])", "shape");
  check_entry(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8])", "shape");
  check_entry(R"("dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8])", "shape");
  // 2^62 * 4 = 2^64 and 2^32 * 2^32 * 4 wrap to 0.
  check_entry(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])", "overflows");
  check_entry(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])", "overflows");
}

TEST_CASE("offsets that do not belong to the shape or leave the data") {
  check_entry(R"("dtype":"F32","shape":[2],"data_offsets":[0])", "data_offsets");
  check_entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])", "data_offsets");
  check_entry(R"("dtype":"F32","shape":[2],"data_offsets":{"0":0})", "data_offsets");
  check_entry(R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])", "data_offsets");
  check_entry(R"("dtype":"F32","shape":[2],"data_offsets":[0.0,8.0])", "data_offsets");
  check_entry(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])", "needs 8 bytes");
  check_entry(R"("dtype":"F32","shape":[1],"data_offsets":[0,8])", "needs 4 bytes");
  check_entry(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])", "needs 12 bytes");
  check_entry(R"("dtype":"F64","shape":[2],"data_offsets":[0,8])", "needs 16 bytes");
  check_entry(R"("dtype":"F32","shape":[3],"data_offsets":[0,12])", "truncated");
  check_entry(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])", "4 bytes after");
  check_entry(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])", "hole");
  check_entry(
      R"("dtype":"U8","shape":[9223372036854775807],"data_offsets":[1,9223372036854775807])",
      "needs");
  check_header("{}", 1, "1 bytes after");
}

TEST_CASE("tensors that overlap or leave holes") {
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"F32","shape":[2],"data_offsets":)" + first +
           R"(},"b":{"dtype":"F32","shape":[2],"data_offsets":)" + second + "}}";
  };
  check_header(two("[0,8]", "[0,8]"), 8, "before");
  check_header(two("[0,8]", "[4,12]"), 12, "before");
  check_header(two("[4,12]", "[0,8]"), 12, "before");
  check_header(two("[0,8]", "[12,20]"), 20, "hole");
  check_header(two("[8,16]", "[16,24]"), 24, "hole");
  check_header(two("[0,8]", "[8,16]"), 15, "truncated");
}

TEST_CASE("names of a stranger are shown without control characters and cut") {
  check_header(R"({"a\nb\u001b[31m":{}})", 0, "'a?b?[31m'");
  check_header("{\"" + std::string(5000, 'x') + "\":{}}", 0, "xxx...");
  CHECK(printable("caf\u00e9") == "caf\u00e9");
}

TEST_CASE("writing is atomic: a failure leaves the old file and nothing else") {
  const TempFolder folder;
  const std::vector<float> values = {1, 2, 3};
  SafeTensorsWriter writer;
  writer.add("a", {3}, std::span<const float>(values));
  testing::check_error(ErrorKind::kData, folder / "no/such", "cannot be written",
                       [&] { writer.write(folder / "no/such"); });
  CHECK(folder.files() == 0);
  // The target is a folder that is not empty: the rename fails after everything was written.
  std::filesystem::create_directories(folder / "taken/inside");
  testing::check_error(ErrorKind::kData, folder / "taken", "cannot be written",
                       [&] { writer.write(folder / "taken"); });
  CHECK(folder.files() == 1);
  folder.write("old", "old");
  writer.write(folder / "old");
  CHECK(SafeTensors::read(folder / "old").floats("a") == values);
  CHECK(folder.files() == 2);
}

}  // namespace
}  // namespace fedcamae
