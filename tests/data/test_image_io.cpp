#include "data/image_io.h"

#include <array>
#include <limits>

#include "tests/data/files_on_disk.h"

using namespace fedcamae;
using namespace fedcamae::testing;

TEST_CASE("a PNG comes back as it was") {
  const TempFolder dir;
  Picture picture{5, 7, {}};
  for (int k = 0; k < 5 * 7 * 3; ++k) picture.pixels.push_back(static_cast<uint8_t>(k * 37));
  const std::string path = (dir / "p.png").string();
  write_png(path, picture);
  const Picture back = read_picture(path);
  CHECK(back.height == 5);
  CHECK(back.width == 7);
  CHECK(back.pixels == picture.pixels);
  check_error(ErrorKind::kData, "absent/p.png",
              [&] { write_png((dir / "absent/p.png").string(), picture); });
  check_error(ErrorKind::kData, "none.png", [&] { read_picture((dir / "none.png").string()); });
  dir.write("text.png", {'h', 'i', '!', '\n'});
  check_error(ErrorKind::kData, "cannot be decoded",
              [&] { read_picture((dir / "text.png").string()); });
}

TEST_CASE("npy: header of 64 bytes, row-major numbers") {
  const TempFolder dir;
  const std::vector<float> values{1.5f, -2.0f, 0.0f, 4.0f, 5.0f, 6.0f};
  write_npy((dir / "a.npy").string(), values, {2, 3});
  const Bytes bytes = dir.read("a.npy");
  CHECK(std::string(bytes.begin(), bytes.begin() + 6) == "\x93NUMPY");
  CHECK(bytes[6] == 1);
  CHECK(bytes[7] == 0);
  const size_t header = bytes[8] + 256u * bytes[9];
  CHECK((10 + header) % 64 == 0);
  CHECK(bytes.size() == 10 + header + 24);
  const std::string text(bytes.begin() + 10, bytes.begin() + 10 + static_cast<long>(header));
  CHECK(text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"));
  CHECK(text.back() == '\n');
  // -2 is 0xc0000000, little-endian.
  CHECK(bytes[10 + header + 7] == 0xc0);
  write_npy((dir / "b.npy").string(), values, {6});
  const Bytes flat = dir.read("b.npy");
  CHECK(std::string(flat.begin(), flat.end()).find("'shape': (6,), }") != std::string::npos);
  CHECK_THROWS_AS(write_npy((dir / "c.npy").string(), values, {7}), Error);
  check_error(ErrorKind::kData, "absent/c.npy",
              [&] { write_npy((dir / "absent/c.npy").string(), values, {6}); });
}

TEST_CASE("jet: matplotlib's bytes") {
  // numpy.interp over matplotlib's points at floor(256 v) / 255, cut to bytes; v = 0, 0.5 and 1 are
  // its documented (0, 0, 0.5), (0.490, 1, 0.478) and (0.5, 0, 0).
  struct Known {
    float v;
    std::array<int, 3> rgb;
  };
  const std::array<Known, 9> known{{{0.0f, {0, 0, 127}},
                                    {0.05f, {0, 0, 182}},
                                    {0.2f, {0, 76, 255}},
                                    {0.3f, {0, 176, 255}},
                                    {0.5f, {124, 255, 121}},
                                    {0.65f, {247, 244, 0}},
                                    {0.8f, {255, 103, 0}},
                                    {0.95f, {182, 0, 0}},
                                    {1.0f, {127, 0, 0}}}};
  for (const Known& k : known) {
    CAPTURE(k.v);
    std::array<uint8_t, 3> rgb{};
    jet(k.v, rgb.data());
    CHECK(rgb[0] == k.rgb[0]);
    CHECK(rgb[1] == k.rgb[1]);
    CHECK(rgb[2] == k.rgb[2]);
  }
  std::array<uint8_t, 3> rgb{1, 1, 1};
  jet(std::numeric_limits<float>::quiet_NaN(), rgb.data());
  CHECK(rgb == std::array<uint8_t, 3>{0, 0, 0});
}

TEST_CASE("resize_and_crop: half-pixel centres, shorter side, centre crop") {
  // Two columns 0 and 255 to four: PyTorch gives 0, 1/4, 3/4, 1 of the range.
  Picture two{2, 2, {}};
  for (const int v : {0, 255, 0, 255})
    two.pixels.insert(two.pixels.end(), 3, static_cast<uint8_t>(v));
  const std::vector<float> four = resize_and_crop(two, 4);
  REQUIRE(four.size() == 48);
  for (size_t y = 0; y < 4; ++y)
    for (size_t x = 0; x < 4; ++x)
      CHECK(four[(y * 4 + x) * 3 + 1] == std::array<float, 4>{0, 0.25f, 0.75f, 1}[x]);
  // The right size already: untouched. A long side of 7 for a side of 4: offset floor(3 / 2) = 1.
  Picture wide{4, 7, {}};
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 7; ++x)
      for (int c = 0; c < 3; ++c) wide.pixels.push_back(static_cast<uint8_t>(50 * y + 5 * x + c));
  const std::vector<float> crop = resize_and_crop(wide, 4);
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 4; ++x)
      for (int c = 0; c < 3; ++c)
        CHECK(crop[static_cast<size_t>((y * 4 + x) * 3 + c)] ==
              static_cast<float>(50 * y + 5 * (x + 1) + c) / 255.0f);
  // Halving takes the mean of two neighbours a direction: no antialias beyond that.
  const std::vector<float> half = resize_and_crop(two, 1);
  CHECK(half[0] == 0.5f);
}
