// How often a property is tried: as often as the gate has time for, or PERIGEE_TEST_SCALE times as often, for at most
// PERIGEE_TEST_SECONDS. Ends at the first failure, whose seed is then the last one tried. What was completed goes to
// the file PERIGEE_TEST_COUNTS, one line for each property.
//
//   for (const uint32_t seed : Rounds(2000)) { SCOPED_TRACE(seed); ... }
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

namespace perigee {

class Rounds {
 public:
  explicit Rounds(uint32_t in_the_gate)
      : wanted_(in_the_gate * FromEnvironment("PERIGEE_TEST_SCALE", 1)),
        until_(std::chrono::steady_clock::now() +
               std::chrono::seconds(FromEnvironment("PERIGEE_TEST_SECONDS", 24 * 3600))) {}
  Rounds(const Rounds&) = delete;
  Rounds& operator=(const Rounds&) = delete;

  ~Rounds() {
    const char* const path = std::getenv("PERIGEE_TEST_COUNTS");
    const testing::TestInfo* const test = testing::UnitTest::GetInstance()->current_test_info();
    if (path == nullptr || test == nullptr) return;
    const std::string line = std::string(test->test_suite_name()) + "." + test->name() + ": " +
                             std::to_string(completed_) + " of " + std::to_string(wanted_) +
                             (testing::Test::HasFailure() ? ", FAILED\n" : ", no failure\n");
    std::ofstream(path, std::ios::app) << line;
  }

  class Iterator {
   public:
    explicit Iterator(Rounds& rounds) : rounds_(rounds) {}
    uint32_t operator*() const { return rounds_.completed_; }
    Iterator& operator++() {
      ++rounds_.completed_;
      return *this;
    }
    bool operator!=(const Iterator&) const { return rounds_.Further(); }

   private:
    Rounds& rounds_;
  };
  Iterator begin() { return Iterator(*this); }
  Iterator end() { return Iterator(*this); }

 private:
  static uint32_t FromEnvironment(const char* name, uint32_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
  }
  bool Further() const {
    return completed_ < wanted_ && !testing::Test::HasFailure() && std::chrono::steady_clock::now() < until_;
  }

  const uint32_t wanted_;
  const std::chrono::steady_clock::time_point until_;
  uint32_t completed_ = 0;
};

}  // namespace perigee
