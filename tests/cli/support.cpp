#include "tests/cli/support.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "data/image_io.h"

namespace fs = std::filesystem;

namespace fedcamae::testing {

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (fs::temp_directory_path() / "fedcamae-cli-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = pattern;
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::stringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

namespace {

std::string cifar_records(int count, int first = 0) {
  std::string bytes;
  for (int i = first; i < first + count; ++i) {
    const int label = i % 10;
    bytes += static_cast<char>(label);
    for (int channel = 0; channel < 3; ++channel)
      for (int pixel = 0; pixel < 1024; ++pixel) {
        const int base = channel == label % 3 ? 60 + 19 * label : 30;
        bytes += static_cast<char>(base + (pixel * 7 + i * 13) % 23);
      }
  }
  return bytes;
}

// Both ends of what a child writes, without a pipe that could fill up.
int open_for_child(const std::string& path) {
  const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
  if (file < 0) throw std::runtime_error("cannot open " + path);
  return file;
}

[[noreturn]] void exec_program(const std::vector<std::string>& arguments,
                               const std::vector<std::string>& environment, int out, int err) {
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  for (const std::string& entry : environment) putenv(const_cast<char*>(entry.c_str()));
  std::vector<char*> argv{const_cast<char*>("fedcamae")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(FEDCAMAE_PROGRAM, argv.data());
  _exit(127);
}

}  // namespace

void write_cifar10(const std::string& folder, int train, int test) {
  fs::create_directories(folder);
  write_file(folder + "/data_batch_1.bin", cifar_records(train));
  if (test > 0) write_file(folder + "/test_batch.bin", cifar_records(test));
}

void write_cifar10_changed(const std::string& folder, int train, int same) {
  fs::create_directories(folder);
  write_file(folder + "/data_batch_1.bin",
             cifar_records(same) + cifar_records(train - same, same + 3));
}

void write_image(const std::string& path) {
  Picture picture{24, 40, std::vector<uint8_t>(24 * 40 * 3)};
  for (size_t i = 0; i < picture.pixels.size(); ++i)
    picture.pixels[i] = static_cast<uint8_t>(i * 5 % 251);
  write_png(path, picture);
}

nlohmann::json parse_json(const std::string& text) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  CHECK_MESSAGE(!json.is_discarded(), "not JSON: ", text);
  return json;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void check_refusal(const ProgramResult& result, int code, const std::string& part) {
  CAPTURE(result.err);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  CHECK(lines_of(result.err).size() == 1);
  CHECK(contains(result.err, "fedcamae: error: "));
  CHECK(contains(result.err, part));
}

void check_plain(const ProgramResult& result) {
  CHECK(result.out.find_first_of("\033\r") == std::string::npos);
  CHECK(result.err.find_first_of("\033\r") == std::string::npos);
}

Npy read_npy(const std::string& path) {
  const std::string bytes = read_text(path);
  REQUIRE(bytes.size() > 10);
  CHECK(bytes.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
  const size_t header = static_cast<uint8_t>(bytes[8]) + 256 * static_cast<uint8_t>(bytes[9]);
  const std::string dict = bytes.substr(10, header);
  CHECK(contains(dict, "'descr': '<f4'"));
  CHECK(contains(dict, "'fortran_order': False"));
  const size_t open = dict.find('('), close = dict.find(')');
  Npy npy{dict.substr(open, close - open + 1), {}};
  npy.values.resize((bytes.size() - 10 - header) / sizeof(float));
  std::memcpy(npy.values.data(), bytes.data() + 10 + header, npy.values.size() * sizeof(float));
  return npy;
}

ProgramResult run_fedcamae(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment, int signal,
                           const std::function<bool(const std::string&)>& signal_when) {
  const TemporaryFolder folder;
  const int out = open_for_child(folder.file("out")), err = open_for_child(folder.file("err"));
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) exec_program(arguments, environment, out, err);
  close(out);
  close(err);
  int status = 0;
  bool sent = false;
  while (waitpid(child, &status, signal == 0 ? 0 : WNOHANG) == 0) {
    if (!sent && signal_when(read_text(folder.file("err")))) {
      kill(child, signal);
      sent = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ProgramResult result;
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  result.out = read_text(folder.file("out"));
  result.err = read_text(folder.file("err"));
  return result;
}

}  // namespace fedcamae::testing
