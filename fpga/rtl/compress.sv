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
  // A pixel's number of inactive ones before it goes along. What is at a place to which no pixel
  // moves is anything, but not valid.
  localparam int P_W = 1 + 5 + V_W;  // {valid, inactive ones before, value}
  logic [32*P_W-1:0] in32, a32, b32;
  wire [35*P_W-1:0] in = (35 * P_W)'(in32);
  wire [44*P_W-1:0] a = (44 * P_W)'(a32);
  wire [(N+16)*P_W-1:0] b = ((N + 16) * P_W)'(b32);
  for (genvar j = 0; j < 32; j++) begin : g_move
    assign in32[j*P_W+:P_W] = {active2[j], skipped[j*5+:5], value2[j*V_W+:V_W]};
    logic [3:0] hit_a, hit_b;
    logic [P_W-2:0] next_a, next_b;
    for (genvar k = 0; k < 4; k++) begin : g_k
      assign hit_a[k] = in[(j+k)*P_W+P_W-1] && in[(j+k)*P_W+V_W+:2] == 2'(k);
      assign hit_b[k] = a[(j+4*k)*P_W+P_W-1] && a[(j+4*k)*P_W+V_W+2+:2] == 2'(k);
    end
    always_comb begin
      case ({hit_a[3] | hit_a[2], hit_a[3] | hit_a[1]})
        2'd0: next_a = in[j*P_W+:P_W-1];
        2'd1: next_a = in[(j+1)*P_W+:P_W-1];
        2'd2: next_a = in[(j+2)*P_W+:P_W-1];
        default: next_a = in[(j+3)*P_W+:P_W-1];
      endcase
      case ({hit_b[3] | hit_b[2], hit_b[3] | hit_b[1]})
        2'd0: next_b = a[j*P_W+:P_W-1];
        2'd1: next_b = a[(j+4)*P_W+:P_W-1];
        2'd2: next_b = a[(j+8)*P_W+:P_W-1];
        default: next_b = a[(j+12)*P_W+:P_W-1];
      endcase
    end
    always_ff @(posedge clk_i) begin
      a32[j*P_W+:P_W] <= {|hit_a, next_a};
      b32[j*P_W+:P_W] <= {|hit_b, next_b};
    end
  end
  for (genvar j = 0; j < N; j++) begin : g_out
    wire stays = b[j*P_W+P_W-1] && !b[j*P_W+V_W+4];
    wire comes = b[(j+16)*P_W+P_W-1] && b[(j+16)*P_W+V_W+4];
    logic [P_W-2:0] c;
    logic valid;
    always_ff @(posedge clk_i) begin
      valid <= stays || comes;
      c <= (stays || !comes) ? b[j*P_W+:P_W-1] : b[(j+16)*P_W+:P_W-1];
    end
    assign valid_o[j] = valid;
    assign lane_o[j*5+:5] = 5'(j) + c[V_W+:5];
    assign value_o[j*V_W+:V_W] = c[V_W-1:0];
  end
endmodule
