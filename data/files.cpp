#include "data/files.h"

#include <fmt/ranges.h>
#include <fnmatch.h>
#include <xxhash.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "core/error.h"

namespace fedcamae {
namespace fs = std::filesystem;

Bytes read_file(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    fail(ErrorKind::kData, "[data] {}: no such file; check --data-dir", path.string());
  if (fs::is_directory(status))
    fail(ErrorKind::kData, "[data] {}: is a folder where a file is expected; move it away",
         path.string());
  if (!fs::is_regular_file(status))
    fail(ErrorKind::kData, "[data] {}: is not a plain file; replace it", path.string());
  const uintmax_t size = fs::file_size(path, error);
  if (error || size == 0)
    fail(ErrorKind::kData, "[data] {}: is empty; fetch the file again", path.string());
  Bytes bytes(size);
  std::ifstream in(path, std::ios::binary);
  if (!in || !in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
    fail(ErrorKind::kData, "[data] {}: cannot be read; check its permissions", path.string());
  return bytes;
}

Bytes gunzip(const Bytes& bytes, const fs::path& path, size_t most) {
  if (bytes.size() < 2 || bytes[0] != 0x1f || bytes[1] != 0x8b) return bytes;
  z_stream stream{};
  constexpr int kGzipOnly = 15 + 16;
  check(inflateInit2(&stream, kGzipOnly) == Z_OK, "[data] zlib does not start");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  Bytes content;
  int status = Z_OK;
  while (status == Z_OK) {
    const size_t done = content.size();
    content.resize(std::min(most + 1, std::max<size_t>(2 * done, size_t{1} << 20)));
    stream.next_out = content.data() + done;
    stream.avail_out = static_cast<uInt>(content.size() - done);
    status = inflate(&stream, Z_NO_FLUSH);
    content.resize(content.size() - stream.avail_out);
    if (content.size() > most)
      fail(ErrorKind::kData, "[data] {}: unpacks to more than {} bytes; fetch the file again",
           path.string(), most);
  }
  if (status != Z_STREAM_END)
    fail(ErrorKind::kData, "[data] {}: gzip stream is {}; fetch the file again", path.string(),
         status == Z_BUF_ERROR ? "truncated" : "corrupt");
  if (stream.avail_in != 0)
    fail(ErrorKind::kData, "[data] {}: {} bytes follow the gzip stream; fetch the file again",
         path.string(), stream.avail_in);
  return content;
}

Hasher::Hasher()
    : state_(XXH3_createState(), [](void* s) { XXH3_freeState(static_cast<XXH3_state_t*>(s)); }) {
  XXH3_64bits_reset(static_cast<XXH3_state_t*>(state_.get()));
}

void Hasher::add(const void* data, size_t bytes) {
  XXH3_64bits_update(static_cast<XXH3_state_t*>(state_.get()), data, bytes);
}

std::string Hasher::hex() const {
  return fmt::format("{:016x}", XXH3_64bits_digest(static_cast<XXH3_state_t*>(state_.get())));
}

std::vector<fs::path> matches(const fs::path& folder, const std::string& pattern) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (fnmatch(pattern.c_str(), it->path().filename().c_str(), FNM_PERIOD) == 0)
      found.push_back(it->path());
  std::sort(found.begin(), found.end());
  return found;
}

fs::path first_of(const fs::path& folder, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (const std::vector<fs::path> found = matches(folder, name); !found.empty())
      return found.front();
  return {};
}

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it
  return value == nullptr ? "" : value;
}

std::vector<fs::path> default_places() {
  std::vector<fs::path> places;
  if (const std::string dir = environment("FEDCAMAE_DATA_DIR"); !dir.empty()) places.push_back(dir);
  if (const std::string xdg = environment("XDG_DATA_HOME"); !xdg.empty())
    places.push_back(fs::path(xdg) / "fedcamae");
  else if (const std::string home = environment("HOME"); !home.empty())
    places.push_back(fs::path(home) / ".local/share/fedcamae");
  places.emplace_back("/usr/share/datasets");
  return places;
}

}  // namespace

fs::path find_folder(const std::string& dataset, const std::string& data_dir,
                     const std::vector<std::string>& aliases,
                     const std::vector<std::string>& files) {
  std::error_code error;
  if (!data_dir.empty() && !fs::is_directory(data_dir, error))
    fail(ErrorKind::kData, "[data] {}: {}; --data-dir names the folder that holds {}", data_dir,
         fs::exists(data_dir, error) ? "is a file" : "no such folder", dataset);
  std::vector<fs::path> places{data_dir};
  if (data_dir.empty()) places = default_places();
  for (const fs::path& place : places) {
    if (!first_of(place, files).empty()) return place;
    for (const std::string& alias : aliases)
      if (!first_of(place / alias, files).empty()) return place / alias;
  }
  std::vector<std::string> names;
  for (const fs::path& place : places) names.push_back(place.string());
  fail(ErrorKind::kData, "[data] {}: no {} there or in {}/; get the files and pass --data-dir",
       fmt::join(names, ", "), fmt::join(files, " or "), fmt::join(aliases, "/ "));
}

}  // namespace fedcamae
