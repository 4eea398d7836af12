// Whatever is done to the log, Verify finds it.
#include <gtest/gtest.h>

#include <random>

#include "control-plane/audit/chain.h"
#include "tests/property/rounds.h"

namespace perigee::control::audit {
namespace {

struct Log {
  std::vector<v1::AuditRecord> records;
  v1::AuditRecord head;
};

Log MakeLog(size_t count, std::mt19937& random) {
  Log log;
  for (size_t i = 0; i < count; ++i) {
    Action action;
    action.at =
        absl::FromUnixNanos(1'700'000'000'000'000'000 + static_cast<int64_t>(random() % 1'000'000'000));
    action.subject = i % 2 == 0 ? "user:anna" : "system:placement";
    action.verb = "apply";
    action.source = "grpc";
    action.object.set_kind("Workload");
    action.object.set_name("web" + std::to_string(random() % 3));
    action.object_hash = std::to_string(random());
    if (i % 3 == 0) action.changed_fields = {"spec.kind", "metadata.labels"};
    log.head = Next(log.head, action);
    log.records.push_back(log.head);
  }
  return log;
}

TEST(AuditChain, AcceptsWhatItMade) {
  std::mt19937 random(1);
  for (size_t count : {0u, 1u, 2u, 50u}) {
    const Log log = MakeLog(count, random);
    EXPECT_TRUE(Verify(log.records, log.head).ok()) << count << Verify(log.records, log.head);
  }
}

TEST(AuditChain, FieldsDoNotRunIntoEachOther) {
  v1::AuditRecord a;
  a.set_subject("user:an");
  a.set_verb("na");
  v1::AuditRecord b;
  b.set_subject("user:");
  b.set_verb("anna");
  EXPECT_NE(HashOf(a), HashOf(b));
}

TEST(AuditChain, GoldenRecord) {
  Action action{
      .at = absl::FromUnixSeconds(1'700'000'000), .subject = "user:anna", .verb = "apply", .source = "grpc"};
  action.object.set_kind("Site");
  action.object.set_name("berlin");
  action.object.set_uid("u1");
  action.object_hash = "ab";
  action.changed_fields = {"spec.values"};
  // Never changes: stored chains of every release must verify.
  EXPECT_EQ(Next({}, action).hash(), "0938d89b4e24e60cfb6b31e58daa21a7ca147a055302030a3f074ef56c14e458");
}

// Flips one bit of one record's serialization; nothing when that is not a record any more or means the same.
bool FlipBit(v1::AuditRecord& record, std::mt19937& random) {
  std::string bytes = record.SerializeAsString();
  bytes[random() % bytes.size()] ^= static_cast<char>(1u << (random() % 8));
  v1::AuditRecord changed;
  if (!changed.ParseFromString(bytes)) return false;
  changed.mutable_object();  // presence alone says nothing
  changed.DiscardUnknownFields();
  v1::AuditRecord original = record;
  if (changed.SerializeAsString() == original.SerializeAsString()) return false;
  record = changed;
  return true;
}

enum class Tampering { kBit, kDelete, kSwap, kTruncate, kDuplicate, kRewrite };

// False when it happened to change nothing.
bool Tamper(Tampering how, std::vector<v1::AuditRecord>& records, std::mt19937& random) {
  const size_t at = random() % records.size();
  switch (how) {
    case Tampering::kBit:
      return FlipBit(records[at], random);
    case Tampering::kDelete:
      records.erase(records.begin() + static_cast<long>(at));
      return true;
    case Tampering::kSwap: {
      const size_t other = random() % records.size();
      std::swap(records[at], records[other]);
      return at != other;
    }
    case Tampering::kTruncate:
      records.resize(at);
      return true;
    case Tampering::kDuplicate:
      records.insert(records.begin() + static_cast<long>(at), records[at]);
      return true;
    case Tampering::kRewrite:
      // By somebody who knows the format: with a new hash of its own.
      records[at].set_subject("user:mallory");
      records[at].set_hash(HashOf(records[at]));
      return true;
  }
  return false;
}

TEST(AuditChainProperty, FindsEveryTampering) {
  std::mt19937 random(7);
  const Log log = MakeLog(40, random);
  int done = 0;
  for (const uint32_t round : Rounds(6000)) {
    std::vector<v1::AuditRecord> records = log.records;
    const auto how = static_cast<Tampering>(round % 6);
    if (!Tamper(how, records, random)) continue;
    ++done;
    ASSERT_TRUE(absl::IsDataLoss(Verify(records, log.head))) << "round " << round;
  }
  EXPECT_GT(done, 4000);
}

}  // namespace
}  // namespace perigee::control::audit
