// Kernels for the tests of the simulator itself: one that does right or wrong as asked, and one per intrinsic.
#include "runtime/kernels/cuda/gpu.h"
#include "test/unit/sim/Faults.h"

using namespace gpu;
using namespace ds::test;

static void keep(float v, const FaultArgs &args) { args.out[threadIndex() + blockX() * 64] = v; }

GPU_KERNEL(faults, FaultArgs, 64, 1, 1024) {
  u32 t = threadIndex(), lane = laneIndex();
  float *shared = reinterpret_cast<float *>(sharedMemory());
  if ((args.fault >= Fault::raceInBlock && args.fault <= Fault::raceOtherHalfWaits) ||
      args.fault == Fault::copyNotSynchronised) {
    shared[t] = 0; // or whoever reads before the write would find nothing there
    syncBlock();
  }
  switch (args.fault) {
  case Fault::none: // all the right ways to hand a value over
    shared[t] = args.in[t];
    syncBlock();
    keep(shared[t ^ 32], args);
    syncBlock();
    shared[t] = 1;
    syncWarp();
    keep(shared[t ^ 1], args);
    syncNamed(1, 64);
    copyAsync4(shared + 64 + t, args.in + t, 4);
    commitCopies();
    waitCopies<0>();
    syncBlock();
    keep(shared[64 + (t ^ 32)], args);
    addAtomically(args.counter, 1u);
    break;
  case Fault::raceInBlock:
    shared[t] = 1;
    syncWarp();
    keep(shared[t ^ 32], args);
    break;
  case Fault::raceReadThenWrite:
    keep(shared[t ^ 32], args);
    shared[t] = 2;
    break;
  case Fault::raceInWarp:
    shared[t] = 1;
    keep(shared[t ^ 1], args);
    break;
  case Fault::raceBetweenBlocks:
    if (t == 0)
      args.out[5] = float(blockX());
    break;
  case Fault::raceOtherHalfWaits: // a barrier of one warp orders nothing for the other
    shared[t] = 1;
    syncNamed(1 + warpIndex(), 32);
    keep(shared[t ^ 32], args);
    break;
  case Fault::differentBarriers:
    if (t < 32)
      syncBlock();
    else
      syncBlock();
    break;
  case Fault::leftBeforeBarrier:
    if (t < 32)
      return;
    syncBlock();
    break;
  case Fault::leftBeforeShuffle:
    if (lane == 7)
      return;
    keep(shuffleXor(float(t), 1), args);
    break;
  case Fault::differentShuffles:
    keep(lane < 16 ? shuffleXor(float(t), 1) : shuffleXor(float(t), 2), args);
    break;
  case Fault::sharedBounds:
    shared[193 + t] = 1;
    break;
  case Fault::globalBounds:
    keep(args.in[t + 1], args);
    break;
  case Fault::globalPartlyOutside:
    keep(asFloat(load128(args.in + t / 4 * 4 + 4 * (t == 63)).w[0]), args);
    break;
  case Fault::localBounds: {
    float registers[63];
    for (u32 i = 0; i < 63; ++i)
      registers[i] = args.in[i];
    keep(registers[t], args);
    break;
  }
  case Fault::localBoundsOfAClass: {
    bf16 registers[4] = {};
    for (u32 i = 0; i < 4 + (t == 50); ++i)
      registers[i] = args.in[i] < 2 ? bf16{u16(i)} : bf16{};
    keep(toFloat(registers[t % 4]), args);
    break;
  }
  case Fault::wildPointer:
    keep(*reinterpret_cast<const float *>(16 + u64(t)), args);
    break;
  case Fault::writeToInput:
    const_cast<float *>(args.in)[t] = 0;
    break;
  case Fault::uninitialisedShared:
    if (t != 40)
      shared[t] = 1;
    syncBlock();
    keep(shared[t], args);
    break;
  case Fault::uninitialisedOutput:
    keep(args.out[t] + 1, args);
    break;
  case Fault::misalignedLoad:
    keep(asFloat(load128(args.in + (t == 3)).w[0]), args);
    break;
  case Fault::misalignedCopy:
    if (t < 16)
      copyAsync16(shared + 4 * t + (t == 9), args.in + 4 * t, 16);
    break;
  case Fault::copyNotWaitedFor:
    copyAsync4(shared + t, args.in + t, 4);
    commitCopies();
    keep(shared[t], args);
    break;
  case Fault::copyOfLaterGroup:
    copyAsync4(shared + t, args.in + t, 4);
    commitCopies();
    copyAsync4(shared + 64 + t, args.in + t, 4);
    commitCopies();
    waitCopies<1>();
    keep(shared[t] + shared[64 + t], args);
    break;
  case Fault::copyNotSynchronised:
    copyAsync4(shared + t, args.in + t, 4);
    commitCopies();
    waitCopies<0>();
    keep(shared[t ^ 32], args);
    break;
  case Fault::endless:
    while (addAtomically(args.counter, 1u) != ~0u) {
    }
    break;
  }
}

GPU_KERNEL(intrinsics, IntrinsicArgs, 32, 1, 4096) {
  u32 lane = laneIndex();
  args.words[0 * 32 + lane] = shuffle(lane * 3, (lane + 5) % 32);
  args.words[1 * 32 + lane] = shuffleXor(lane * 3, 9);
  args.words[2 * 32 + lane] = shuffleUp(lane * 3, 4);
  args.words[3 * 32 + lane] = warpBallot(lane % 3 == 0);
  args.words[4 * 32 + lane] = warpAdd(lane * lane);
  args.words[5 * 32 + lane] = popcount(lane * 0x01010101u);
  u16 *tile = reinterpret_cast<u16 *>(sharedMemory());
  for (u32 i = lane; i < 512; i += 32)
    tile[i] = u16(i);
  syncWarp();
  u32 d[4];
  loadMatrices(d, tile + lane * 8); // matrix m is rows 8m .. 8m+7 of 8 elements
  for (int i = 0; i < 4; ++i)
    args.words[(6 + i) * 32 + lane] = d[i];
  loadMatricesTransposed(d, tile + lane * 8);
  for (int i = 0; i < 4; ++i)
    args.words[(10 + i) * 32 + lane] = d[i];
  args.words[14 * 32 + lane] = addAtomically(args.words + 15 * 32, lane);
}
