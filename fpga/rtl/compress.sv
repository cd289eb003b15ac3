// compress: 32 pixels in, the active ones at the slots that come next, in 6 cycles: the first at
// slot base_i, the others behind it. Pixels of slot N and above are lost.
//
// A pixel's slot is base_i + the number of active pixels before it. Three stages set the bits of
// its place to those of its slot: the lowest two, two more, the fifth. Where two pixels meet a
// place in a stage, they came from the same 4 (16, 32) places and have the same lowest 2 (4, 5)
// bits of a slot: but slots of active pixels follow each other, so these are one pixel. Each
// stage writes the place's bits that it changes into the bits of the slot that it has used, so
// that in the end they say where the pixel was.
module compress #(
    parameter int N = 20,  // at most 64
    parameter int V_W = 17
) (
    input logic clk_i,
    input logic [31:0] active_i,
    input logic [32*V_W-1:0] value_i,  // a cycle later
    output logic [5:0] count_o,  // active pixels: 2 cycles after the input
    input logic [6:0] base_i,  // with count_o: the first slot that is free, 64 or more: none
    output logic [N-1:0] valid_o,
    output logic [N*5-1:0] lane_o,  // where it was
    output logic [N*V_W-1:0] value_o
);

  // ---- 2 cycles: active pixels before each one, within eight and in all ----
  logic [32*3-1:0] local_c, ahead8;
  logic [4*4-1:0] total_c, total;
  logic [32*V_W-1:0] value2;
  logic [31:0] active1, active2;
  logic [32*5-1:0] ahead;
  always_comb begin
    for (int g = 0; g < 4; g++) begin
      for (int i = 0; i < 8; i++) begin
        local_c[(g*8+i)*3+:3] = 3'd0;
        for (int k = 0; k < i; k++)
          local_c[(g*8+i)*3+:3] = local_c[(g*8+i)*3+:3] + {2'b0, active_i[g*8+k]};
      end
      total_c[g*4+:4] = {1'b0, local_c[(g*8+7)*3+:3]} + {3'b0, active_i[g*8+7]};
    end
  end
  wire [5:0] sum2 = {2'b0, total[0+:4]} + {2'b0, total[4+:4]};
  wire [5:0] sum3 = sum2 + {2'b0, total[8+:4]};
  always_ff @(posedge clk_i) begin
    {ahead8, total, active1} <= {local_c, total_c, active_i};
    {value2, active2} <= {value_i, active1};
    for (int i = 0; i < 8; i++) begin
      ahead[i*5+:5] <= {2'b0, ahead8[i*3+:3]};
      ahead[(8+i)*5+:5] <= {2'b0, ahead8[(8+i)*3+:3]} + {1'b0, total[0+:4]};
      ahead[(16+i)*5+:5] <= {2'b0, ahead8[(16+i)*3+:3]} + sum2[4:0];
      ahead[(24+i)*5+:5] <= {2'b0, ahead8[(24+i)*3+:3]} + sum3[4:0];
    end
    count_o <= sum3 + {2'b0, total[12+:4]};
  end

  // ---- 1 cycle: the slot; 3 cycles: move. {valid, slot 32 and above, slot, value} ----
  localparam int P_W = 1 + 1 + 5 + V_W;
  localparam int SLOT = V_W;
  logic [32*P_W-1:0] in, a, b;
  for (genvar j = 0; j < 32; j++) begin : g_slot
    wire [7:0] slot = {1'b0, base_i} + {3'd0, ahead[j*5+:5]};
    always_ff @(posedge clk_i)
      in[j*P_W+:P_W] <= {active2[j] && slot < 8'(N), slot[5], slot[4:0], value2[j*V_W+:V_W]};
  end
  for (genvar j = 0; j < 32; j++) begin : g_move
    logic [3:0] hit_a, hit_b;
    for (genvar k = 0; k < 4; k++) begin : g_k
      assign hit_a[k] = in[(j-j%4+k)*P_W+P_W-1] && in[(j-j%4+k)*P_W+SLOT+:2] == 2'(j);
      assign hit_b[k] = a[(j-j/4%4*4+4*k)*P_W+P_W-1] && a[(j-j/4%4*4+4*k)*P_W+SLOT+2+:2] == 2'(j / 4);
    end
    wire [1:0] from_a = {hit_a[3] | hit_a[2], hit_a[3] | hit_a[1]};
    wire [1:0] from_b = {hit_b[3] | hit_b[2], hit_b[3] | hit_b[1]};
    logic [P_W-2:0] next_a, next_b;
    always_comb begin
      case (from_a)
        2'd0: next_a = in[(j-j%4)*P_W+:P_W-1];
        2'd1: next_a = in[(j-j%4+1)*P_W+:P_W-1];
        2'd2: next_a = in[(j-j%4+2)*P_W+:P_W-1];
        default: next_a = in[(j-j%4+3)*P_W+:P_W-1];
      endcase
      next_a[SLOT+:2] = from_a;
      case (from_b)
        2'd0: next_b = a[(j-j/4%4*4)*P_W+:P_W-1];
        2'd1: next_b = a[(j-j/4%4*4+4)*P_W+:P_W-1];
        2'd2: next_b = a[(j-j/4%4*4+8)*P_W+:P_W-1];
        default: next_b = a[(j-j/4%4*4+12)*P_W+:P_W-1];
      endcase
      next_b[SLOT+2+:2] = from_b;
    end
    always_ff @(posedge clk_i) begin
      a[j*P_W+:P_W] <= {|hit_a, next_a};
      b[j*P_W+:P_W] <= {|hit_b, next_b};
    end
  end
  for (genvar j = 0; j < N; j++) begin : g_out
    localparam int HERE = j % 32;
    localparam int THERE = (j + 16) % 32;
    wire [P_W-1:0] stay = b[HERE*P_W+:P_W];
    wire [P_W-1:0] come = b[THERE*P_W+:P_W];
    wire stays = stay[P_W-1] && stay[SLOT+4+:2] == 2'(j / 16);
    wire comes = come[P_W-1] && come[SLOT+4+:2] == 2'(j / 16);
    logic valid;
    logic [4+V_W:0] c;
    always_ff @(posedge clk_i) begin
      valid <= stays || comes;
      c <= comes ? {1'(THERE / 16), come[SLOT+3:0]} : {1'(HERE / 16), stay[SLOT+3:0]};
    end
    assign valid_o[j] = valid;
    assign lane_o[j*5+:5] = c[V_W+:5];
    assign value_o[j*V_W+:V_W] = c[V_W-1:0];
  end
endmodule
