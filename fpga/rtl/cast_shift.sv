// cast_shift: any cast to a type whose point lies 0 to 31 bits further left, 3 cycles: shift
// by eights, shift by ones, round and overflow. What is cut off lives on in two guard bits: the
// highest of it (a half) and whether anything was below (a rest).
module cast_shift #(
    parameter int IN = 27,
    parameter int OUT = 18
) (
    input logic clk_i,
    input logic [IN-1:0] x_i,  // signed
    input logic [4:0] shift_i,  // with x_i; the type below is steady or comes with x_i too
    input logic [2:0] round_i,
    input logic [1:0] overflow_i,
    input logic signed_i,
    input logic [OUT-1:0] mask_i,
    output logic [OUT-1:0] z_o
);
  localparam int W = IN + 2;
  localparam int T = OUT + 6;

  logic [W-1:0] eights, ones, coarse, fine;
  logic lost8, lost1;
  always_comb begin
    case (shift_i[4:3])
      2'd0: lost8 = 1'b0;
      2'd1: lost8 = |(x_i & IN'(64'h3f));
      2'd2: lost8 = |(x_i & IN'(64'h3fff));
      default: lost8 = |(x_i & IN'(64'h3fffff));
    endcase
    coarse = W'($signed({x_i, 2'b00}) >>> {shift_i[4:3], 3'b000});
    coarse[0] = coarse[0] | lost8;
  end

  logic [2:0] by1;
  logic [T-1:0] type_a, type_b;
  always_comb begin
    case (by1)
      3'd0: lost1 = 1'b0;
      3'd1: lost1 = eights[0];
      3'd2: lost1 = |eights[1:0];
      3'd3: lost1 = |eights[2:0];
      3'd4: lost1 = |eights[3:0];
      3'd5: lost1 = |eights[4:0];
      3'd6: lost1 = |eights[5:0];
      default: lost1 = |eights[6:0];
    endcase
    fine = W'($signed(eights) >>> by1);
    fine[0] = fine[0] | lost1;
  end

  always_ff @(posedge clk_i) begin
    eights <= coarse;
    by1 <= shift_i[2:0];
    type_a <= {mask_i, signed_i, overflow_i, round_i};
  end

  logic [IN-1:0] rounded;
  logic [OUT-1:0] z;
  fixed_round #(.IN(W), .SHIFT(2)) u_round (.y_i(ones), .mode_i(type_b[2:0]), .z_o(rounded));
  fixed_overflow #(.IN(IN), .OUT(OUT)) u_overflow (
      .y_i(rounded), .mask_i(type_b[6+:OUT]), .signed_i(type_b[5]), .mode_i(type_b[4:3]), .z_o(z));

  always_ff @(posedge clk_i) begin
    ones <= fine;
    type_b <= type_a;
    z_o <= z;
  end
endmodule
