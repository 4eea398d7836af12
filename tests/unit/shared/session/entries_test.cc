#include "shared/session/entries.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/random.h"
#include "shared/base/sha256.h"
#include "shared/session/features.h"
#include "tests/unit/shared/session/session_fixture.h"

#include <nlohmann/json.hpp>

namespace perigee {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The vectors were computed apart from this code (Python's hashlib), so they judge it and every later release.
TEST(Entries, GoldenVectors) {
  std::ifstream file("tests/golden/roots-v1.json");
  ASSERT_TRUE(file.good());
  const nlohmann::json golden = nlohmann::json::parse(file);
  ASSERT_GE(golden["roots"].size(), 5u);
  for (const auto& vector : golden["roots"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    Digests digests;
    for (const auto& entry : vector["entries"]) {
      const std::string payload = *HexDecode(entry["payload"].get<std::string>());
      EXPECT_EQ(HexEncode(DigestOf(payload)), entry["sha256"].get<std::string>());
      digests[*HexDecode(entry["key"].get<std::string>())] = DigestOf(payload);
    }
    EXPECT_EQ(HexEncode(RootOf(digests)), vector["root"].get<std::string>());
  }
  for (const auto& vector : golden["signed"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    v1::Epoch epoch;
    epoch.set_number(vector["epoch"].get<uint64_t>());
    epoch.set_id(*HexDecode(vector["epochId"].get<std::string>()));
    google::protobuf::Timestamp signed_at;
    signed_at.set_seconds(vector["signedAt"]["seconds"].get<int64_t>());
    signed_at.set_nanos(vector["signedAt"]["nanos"].get<int32_t>());
    EXPECT_EQ(
        HexEncode(SignedBytes({vector["uid"].get<std::string>(), epoch, vector["sequence"].get<uint64_t>(),
                               *HexDecode(vector["root"].get<std::string>())},
                              signed_at)),
        vector["bytes"].get<std::string>());
  }
}

TEST(Entries, RootDependsOnKeysAndTheirBoundaries) {
  const std::string digest = DigestOf("x");
  EXPECT_NE(RootOf({{"ab", digest}}), RootOf({{"a", digest}}));
  EXPECT_NE(RootOf({{"a", digest}, {"b", digest}}), RootOf({{"a", digest}}));
  EXPECT_NE(RootOf({}), RootOf({{"", digest}}));
}

TEST(Entries, SignatureHoldsForExactlyItsClaim) {
  const TestSigner signer, stranger;
  const std::vector<std::string> keys = {stranger.PublicKey(), signer.PublicKey()};
  const RootClaim claim{kUid, MakeEpoch(3), 7, std::string(32, 'r')};
  const v1::SignedRoot signed_root = *SignRoot(signer, claim, absl::UnixEpoch());
  EXPECT_TRUE(VerifyRoot(signed_root, claim, keys).ok());

  RootClaim other = claim;
  other.satellite_uid = "0190a000-0000-7000-8000-000000000002";
  EXPECT_TRUE(absl::IsUnauthenticated(VerifyRoot(signed_root, other, keys)));
  other = claim;
  other.epoch.set_number(4);
  EXPECT_TRUE(absl::IsUnauthenticated(VerifyRoot(signed_root, other, keys)));
  other = claim;
  other.epoch.set_id(std::string(16, 'f'));
  EXPECT_TRUE(absl::IsUnauthenticated(VerifyRoot(signed_root, other, keys)));
  other = claim;
  other.sequence = 8;
  EXPECT_TRUE(absl::IsUnauthenticated(VerifyRoot(signed_root, other, keys)));
  other = claim;
  other.root = std::string(32, 's');
  EXPECT_TRUE(absl::IsUnauthenticated(VerifyRoot(signed_root, other, keys)));
  EXPECT_TRUE(absl::IsUnauthenticated(VerifyRoot(signed_root, claim, {stranger.PublicKey()})));
  EXPECT_TRUE(absl::IsUnauthenticated(VerifyRoot(signed_root, claim, {})));
  v1::SignedRoot claims_other_key = signed_root;
  claims_other_key.set_key_id(Sha256(stranger.PublicKey()));
  EXPECT_TRUE(absl::IsUnauthenticated(VerifyRoot(claims_other_key, claim, keys)));
}

TEST(Features, AnEntryThatNeedsMoreIsRefused) {
  const std::string plain = Payload({"files"}, "a").SerializeAsString();
  const std::string future = Payload({"files", "wings"}, "b").SerializeAsString();
  EXPECT_THAT(MissingFeatures(plain, SatelliteFeatures()), IsEmpty());
  EXPECT_THAT(MissingFeatures(future, SatelliteFeatures()), ElementsAre("wings"));
  EXPECT_THAT(MissingFeatures("\xff\xff", SatelliteFeatures()), ElementsAre("readable"));
  const auto refused =
      RefusedEntries({MakeEntry("config/a", plain), MakeEntry("config/b", future)}, SatelliteFeatures());
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].key(), "config/b");
  EXPECT_EQ(refused[0].reason(), "AgentTooOld");
}

}  // namespace
}  // namespace perigee
