// compress: 32 pixels in, the active ones closed up in order, in 5 cycles; the first N of them.
// Every pixel knows how many inactive ones are before it, and moves so far left: by 0 to 3, by
// 0 to 12 in fours, by 0 or 16. No two ever meet.
module compress #(
    parameter int N = 20,
    parameter int V_W = 17
) (
    input logic clk_i,
    input logic [31:0] active_i,
    input logic [32*V_W-1:0] value_i,
    output logic [5:0] count_o,  // active pixels: 3 cycles after the input, two before the others
    output logic [N-1:0] valid_o,
    output logic [N*5-1:0] lane_o,  // where it was
    output logic [N*V_W-1:0] value_o
);
  localparam int W = 1 + 5 + V_W;  // {valid, lane, value}

  // ---- 2 cycles: inactive pixels before each one, within eight and in all ----
  logic [32*3-1:0] local_skips_c, local_skips;
  logic [4*4-1:0] total_c, total;
  logic [32*V_W-1:0] value1, value2;
  logic [31:0] active1, active2;
  logic [32*5-1:0] skipped;
  logic [5:0] count;
  always_comb begin
    for (int g = 0; g < 4; g++) begin
      for (int i = 0; i < 8; i++) begin
        local_skips_c[(g*8+i)*3+:3] = 3'd0;
        for (int k = 0; k < i; k++)
          local_skips_c[(g*8+i)*3+:3] = local_skips_c[(g*8+i)*3+:3] + {2'b0, ~active_i[g*8+k]};
      end
      total_c[g*4+:4] = {1'b0, local_skips_c[(g*8+7)*3+:3]} + {3'b0, ~active_i[g*8+7]};
    end
  end
  wire [5:0] sum2 = {2'b0, total[0+:4]} + {2'b0, total[4+:4]};
  wire [5:0] sum3 = sum2 + {2'b0, total[8+:4]};
  wire [5:0] sum4 = sum3 + {2'b0, total[12+:4]};
  always_ff @(posedge clk_i) begin
    {local_skips, total, value1, active1} <= {local_skips_c, total_c, value_i, active_i};
    {value2, active2} <= {value1, active1};
    for (int i = 0; i < 8; i++) begin
      skipped[i*5+:5] <= {2'b0, local_skips[i*3+:3]};
      skipped[(8+i)*5+:5] <= {2'b0, local_skips[(8+i)*3+:3]} + {1'b0, total[0+:4]};
      skipped[(16+i)*5+:5] <= {2'b0, local_skips[(16+i)*3+:3]} + sum2[4:0];
      skipped[(24+i)*5+:5] <= {2'b0, local_skips[(24+i)*3+:3]} + sum3[4:0];
    end
    count <= 6'd32 - sum4;
    count_o <= count;
  end

  // ---- 3 cycles: move ----
  // a pixel's number of inactive ones before goes along: 5, 3, 1 bits are left of it
  logic [32*(W+3)-1:0] a_c, a;
  logic [32*(W+1)-1:0] b_c, b;
  logic [N*W-1:0] c_c, c;
  always_comb begin
    a_c = '0;
    b_c = '0;
    c_c = '0;
    for (int j = 0; j < 32; j++)
      for (int k = 0; k < 4; k++)
        if (j + k < 32 && active2[(j+k)&31] && skipped[((j+k)&31)*5+:2] == 2'(k))
          a_c[j*(W+3)+:W+3] = a_c[j*(W+3)+:W+3] |
              {skipped[((j+k)&31)*5+2+:3], 1'b1, 5'(j + k), value2[((j+k)&31)*V_W+:V_W]};
    for (int j = 0; j < 32; j++)
      for (int k = 0; k < 4; k++)
        if (j + 4 * k < 32 && a[((j+4*k)&31)*(W+3)+W-1] && a[((j+4*k)&31)*(W+3)+W+:2] == 2'(k))
          b_c[j*(W+1)+:W+1] = b_c[j*(W+1)+:W+1] |
              {a[((j+4*k)&31)*(W+3)+W+2], a[((j+4*k)&31)*(W+3)+:W]};
    for (int j = 0; j < N; j++)
      for (int k = 0; k < 2; k++)
        if (j + 16 * k < 32 && b[((j+16*k)&31)*(W+1)+W-1] && b[((j+16*k)&31)*(W+1)+W] == 1'(k))
          c_c[j*W+:W] = c_c[j*W+:W] | b[((j+16*k)&31)*(W+1)+:W];
  end
  always_ff @(posedge clk_i) begin
    a <= a_c;
    b <= b_c;
    c <= c_c;
  end
  for (genvar j = 0; j < N; j++) begin : g_out
    assign {valid_o[j], lane_o[j*5+:5], value_o[j*V_W+:V_W]} = c[j*W+:W];
  end
endmodule
