#include "shared/seal/seal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/limits.h"
#include "shared/base/random.h"
#include "shared/seal/envelope.h"
#include "tests/unit/shared/pki/test_authority.h"

namespace perigee {
namespace {

struct Holder {
  PrivateKey key = Must(PrivateKey::GenerateEcP256());
  std::string certificate =
      Must(MakeSealingCertificate(key, "Sealing", {absl::Now(), absl::Now() + absl::Hours(1)})).ToDer();
};

TEST(Seal, OnlyTheHolderOpens) {
  const Holder holder, other;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{16}, size_t{1000}, size_t{limits::kConfigBytes}}) {
    const std::string text(size, 's');
    const std::string sealed = Must(Seal(holder.certificate, text));
    EXPECT_EQ(Must(Unseal(holder.key, holder.certificate, sealed)), text) << size;
    EXPECT_EQ(Unseal(other.key, holder.certificate, sealed).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Unseal(other.key, other.certificate, sealed).status().code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(Seal(holder.certificate, std::string(limits::kConfigBytes + 1, 'x')).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(Seal, ShowsNothingAndNeverRepeats) {
  const Holder holder;
  const std::string canary = "canary-9f8e7d6c5b4a";
  const std::string a = Must(Seal(holder.certificate, canary)), b = Must(Seal(holder.certificate, canary));
  EXPECT_NE(a, b);
  EXPECT_THAT(a, ::testing::Not(::testing::HasSubstr(canary)));
}

// Headers such as the version may change and still open, but never to another text.
TEST(Seal, EveryChangeIsNoticedOrHarmless) {
  const Holder holder;
  const std::string text = "the text of a secret";
  const std::string sealed = Must(Seal(holder.certificate, text));
  size_t refused = 0;
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] ^= 0x01;
    const auto opened = Unseal(holder.key, holder.certificate, changed);
    if (opened.ok()) {
      EXPECT_EQ(*opened, text) << "byte " << i;
    } else {
      EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss);
      ++refused;
    }
  }
  EXPECT_GT(refused, sealed.size() * 9 / 10);
  for (size_t i = 0; i < sealed.size(); ++i) {
    EXPECT_FALSE(Unseal(holder.key, holder.certificate, sealed.substr(0, i)).ok()) << i;
  }
  EXPECT_FALSE(Unseal(holder.key, holder.certificate, sealed + "x").ok());
}

TEST(Seal, RefusesOtherCertificates) {
  EXPECT_FALSE(Seal("", "x").ok());
  EXPECT_FALSE(Seal("not a certificate", "x").ok());
}

class EnvelopeTest : public ::testing::Test {
 protected:
  SeededRandom random_{4};
  const std::string key_ = random_.Bytes(kEnvelopeKeyBytes);
};

TEST_F(EnvelopeTest, RoundTrip) {
  for (const size_t size : {0, 1, 15, 16, 17, 100'000}) {
    const std::string text = random_.Bytes(size);
    const std::string sealed = Must(SealWithKey(key_, "/key/ca", text));
    EXPECT_EQ(sealed.size(), size + 32);
    EXPECT_EQ(Must(OpenWithKey(key_, "/key/ca", sealed)), text);
    EXPECT_NE(sealed, Must(SealWithKey(key_, "/key/ca", text)));
  }
}

TEST_F(EnvelopeTest, KeyContextAndEveryBitCount) {
  const std::string sealed = Must(SealWithKey(key_, "/key/ca", "secret"));
  EXPECT_EQ(OpenWithKey(random_.Bytes(32), "/key/ca", sealed).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(OpenWithKey(key_, "/key/other", sealed).status().code(), absl::StatusCode::kDataLoss);
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_EQ(OpenWithKey(key_, "/key/ca", changed).status().code(), absl::StatusCode::kDataLoss) << bit;
  }
  for (size_t i = 0; i < sealed.size(); ++i)
    EXPECT_FALSE(OpenWithKey(key_, "/key/ca", sealed.substr(0, i)).ok());
  EXPECT_EQ(SealWithKey("short", "c", "x").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenWithKey("short", "c", sealed).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace perigee
