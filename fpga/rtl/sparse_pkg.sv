// sparse_pkg: widths that all modules share, the units of the configuration bus, error codes.
//
// The kernel is configured by writes on one broadcast bus {unit, address, data}, which the
// loader makes of an image in memory (image.h has the same numbers for the compiler).
// A type word says how a value is cast to ap_[u]fixed:
//     [2:0] rounding  [4:3] overflow  [5] signed  [10:6] bits to drop (cast_shift only)
//     [11] relu first  [16 ..] ones for the bits of the type's largest value
package sparse_pkg;
  localparam int PLACE = 6;   // bits of a row or a column: images up to 64 x 64
  localparam int X_W = 18;    // features, signed: with a 20-bit weight one DSP
  localparam int Y_W = 25;    // features that enter a pool, signed
  localparam int W_W = 20;    // weights, shifted at load so that all products have one point
  localparam int CW_W = 22;   // ... of a convolution
  localparam int SHIFT = 12;  // ... at this bit: what lies below is rounded away
  localparam int ACC_W = 42;  // sums of a convolution
  localparam int TAP_W = 7;   // address of a weight of a kernel up to 9 x 9
  localparam int KEY_W = 12;  // number of a pooled place
  localparam int SUM_W = 29;  // sums of a pool
  localparam int RECIP_W = 30;     // reciprocal of the pool's area, unsigned
  localparam int POOL_SHIFT = 29;  // its products are rounded at this bit
  localparam int D1_W = 48;        // sums of the first dense layer, rounded at SHIFT
  localparam int D2_W = 44;        // sums of the second, in steps of its accumulator
  localparam int D2_SHIFT = 4;     // bits that each product of the second drops
  localparam int OUT_W = 32;       // a score
  localparam int CH = 3;           // channels or filters of a convolution
  localparam int OUTPUTS = 20;     // outputs of the first dense layer in one pass
  localparam int PASSES = 4;

  localparam int DATA_W = 64;
  localparam int ADDR_W = 24;
  localparam int UNIT_W = 8;

  // units; `addresses` of each in loader.sv
  localparam bit [7:0] U_GLOBAL = 0;
  localparam bit [7:0] U_A_WEIGHT = 1;  // {filter, tap}
  localparam bit [7:0] U_A_SETUP = 2;   // 0 kernel, 4+2f bias, 5+2f type word
  localparam bit [7:0] U_B_WEIGHT = 3;
  localparam bit [7:0] U_B_SETUP = 4;
  localparam bit [7:0] U_POOL_A = 5;    // 0 setup, 64+row, 128+column
  localparam bit [7:0] U_POOL_B = 6;
  localparam bit [7:0] U_DENSE1_WEIGHT = 7;  // {output, place}: 3 channels
  localparam bit [7:0] U_DENSE1_QUANT = 8;   // place: 3 x {signed, bits of the largest, shift}
  localparam bit [7:0] U_DENSE1_OUT = 9;     // {output, pass, word}
  localparam bit [7:0] U_DENSE1_SETUP = 10;
  localparam bit [7:0] U_DENSE2_WEIGHT = 11;  // {input, pass, output}
  localparam bit [7:0] U_DENSE2_SETUP = 12;   // 0 mask, 16+j bias
  localparam bit [7:0] U_TABLE = 13;          // 0.. first table, 1024.. second
  localparam bit [7:0] U_TABLE_SETUP = 14;
  localparam bit [7:0] UNITS = 15;

  // registers of U_GLOBAL
  localparam int G_FORM = 0;  // 0 list, 1 image of 16 bits, 2 image of 8 bits
  localparam int G_SLOTS = 1;
  localparam int G_BEATS = 2;
  localparam int G_LAST_LANES = 3;  // pixels in the last beat of an image
  localparam int G_WIDTH = 4;
  localparam int G_THRESHOLD = 5;
  localparam int G_SIGNED = 6;
  localparam int G_INPUT_TYPE = 7;
  localparam int G_PACE = 8;  // cycles between windows, at least
  localparam int G_OUTPUTS = 9;
  localparam int G_PASSES = 10;
  localparam int GLOBALS = 11;

  // error codes, sticky in a register until the next start
  localparam bit [7:0] E_NONE = 0;
  localparam bit [7:0] E_NO_MODEL = 1;
  localparam bit [7:0] E_MAGIC = 2;
  localparam bit [7:0] E_VERSION = 3;
  localparam bit [7:0] E_SIZE = 4;
  localparam bit [7:0] E_UNIT = 5;
  localparam bit [7:0] E_ADDRESS = 6;
  localparam bit [7:0] E_VALUE = 7;
  localparam bit [7:0] E_CHECK = 8;
  localparam bit [7:0] E_ALIGN = 9;
  localparam bit [7:0] E_BUS = 10;
  localparam bit [7:0] E_LOST = 11;  // scores that never came: the kernel's own fault
endpackage
