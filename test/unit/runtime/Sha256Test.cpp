// Against the examples of FIPS 180-4, in one piece and in many.
#include "runtime/core/Sha256.h"
#include <gtest/gtest.h>
#include <string>

static std::string sha256(const std::string &text, size_t piece) {
  ds::Sha256 sha;
  for (size_t i = 0; i < text.size(); i += piece)
    sha.update(text.data() + i, std::min(piece, text.size() - i));
  uint8_t digest[32];
  sha.finish(digest);
  char hex[65];
  for (int i = 0; i < 32; ++i)
    snprintf(hex + 2 * i, 3, "%02x", digest[i]);
  return hex;
}

TEST(Sha256, Examples) {
  EXPECT_EQ(sha256("", 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc", 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  std::string two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  for (size_t piece : {1, 7, 64, 100})
    EXPECT_EQ(sha256(two, piece), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  for (size_t piece : {1000, 64, 63})
    EXPECT_EQ(sha256(std::string(1000000, 'a'), piece),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
